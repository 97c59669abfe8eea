import type { EngineDeps } from '../../src/agent/engine/context.ts';
import type { ModelServerAdapter } from '../../src/agent/model-server/adapter.ts';
import type { ModelStore } from '../../src/agent/model-store.ts';
import { seconds } from '../../src/lib/clock.ts';
import { silentLogger } from './forked-puller.ts';

/** The parts that a test replaces. */
interface Played extends Pick<EngineDeps, 'clock'> {
  readonly pull: EngineDeps['puller']['pull'];
  readonly stepped?: EngineDeps['observer']['stepped'];
  readonly adapter?: Partial<ModelServerAdapter>;
  readonly store?: Partial<ModelStore>;
}

const done = () => Promise.resolve();

/** The dependencies of an engine without disk, network and model server: everything succeeds at once. */
export function playedEngine({ clock, pull, stepped, adapter, store }: Played): EngineDeps {
  return {
    clock,
    random: () => 1,
    log: silentLogger,
    limits: { fetches: 4, loads: 4, slowAfter: seconds(1) },
    observer: {
      changed: () => undefined,
      forgotten: () => undefined,
      stepped: stepped ?? (() => undefined),
    },
    puller: { pull, stop: done },
    adapter: {
      health: () => Promise.resolve('up'),
      index: () => Promise.resolve(new Map()),
      saysRepository: () => Promise.resolve(true),
      ready: () => Promise.resolve(false),
      load: () => Promise.resolve({ kind: 'done' }),
      unload: () => Promise.resolve({ kind: 'done' }),
      memory: () => Promise.resolve(undefined),
      loadsAllAtStart: () => Promise.resolve(false),
      ...adapter,
    },
    store: {
      recover: () => Promise.resolve(new Map()),
      pathOf: (name) => `/m/${name}`,
      newStagingPath: (name) => Promise.resolve(`/s/${name}`),
      ...{ install: done, commit: done, goBack: done, discardPrevious: done, discard: done },
      ...{ noteLoaded: done, remove: done, close: done, park: done, unpark: done, evict: done },
      notedHash: () => undefined,
      bytesOf: () => Promise.resolve(undefined),
      ...store,
    },
    residence: {
      of: () => 'memory',
      tooLarge: () => undefined,
      mayUnload: () => true,
      ...{ observed: () => undefined, forgotten: () => undefined },
      ...{ serverUp: () => undefined, serverGone: () => undefined, killedLoading: () => false },
    },
  };
}
