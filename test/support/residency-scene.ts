import { createEngine } from '../../src/agent/engine/engine.ts';
import type { ModelServerAdapter, ServerAnswer } from '../../src/agent/model-server/adapter.ts';
import type { StoredModel } from '../../src/agent/model-store.ts';
import { createResidency, type RememberedHeat } from '../../src/agent/residency/residency.ts';
import type { WakeOutcome } from '../../src/agent/residency/waker.ts';
import type { Residency } from '../../src/contract/residency.ts';
import type { ModelSpec } from '../../src/contract/model-config.ts';
import { specHash } from '../../src/contract/model-marker.ts';
import { milliseconds, seconds } from '../../src/lib/clock.ts';
import { bytes } from '../../src/lib/quantity.ts';
import { fakeClock } from './clocks.ts';
import { silentLogger } from './forked-puller.ts';

export interface ResidencySceneOptions {
  readonly memoryBudget: number;
  readonly diskBudget?: number;
  readonly pinned?: readonly string[];
  readonly random?: () => number;
  readonly heat?: ReadonlyMap<string, number>;
  /** The measured memory of a model. */
  readonly trueSize?: (name: string) => number;
  /** The real memory of a model that cannot be measured. The server is killed when it exceeds its limit. */
  readonly realSize?: (name: string) => number;
  readonly memoryLimit?: number;
  /** Only a process of the server is killed, and the server restarts it with the models that it had loaded. */
  readonly startsAgain?: boolean;
  readonly wakeTimeout?: number;
  readonly found?: ReadonlyMap<string, StoredModel>;
  /** KServe's Python servers do this. */
  readonly loadsAllAtStart?: boolean;
}

/** Observations of a test's model server. */
interface Seen {
  readonly loads: string[];
  readonly unloads: string[];
  /** Violations, one a line. */
  readonly faults: string[];
  readonly loaded: Map<string, number>;
  readonly pulls: string[];
  /** The number of kills for memory. */
  killed: number;
}

export function onDemand(options: ResidencySceneOptions): Residency {
  const { memoryBudget, diskBudget, pinned = [] } = options;
  return {
    kind: 'on-demand',
    memoryBudget: bytes(memoryBudget),
    diskBudget: diskBudget === undefined ? undefined : bytes(diskBudget),
    pinned: new Set(pinned),
  };
}

export function specOf(memory: number, version = 1): ModelSpec {
  return { storageUri: `s3://b/v${version}`, framework: 'sklearn', memory: String(memory) };
}

const KILLED: ServerAnswer = { kind: 'refused', reason: 'LoadFailed', message: 'killed', killed: true };

/** The engine with residency on-demand, with an emulated model server, disk and source. */
export function residencyScene(options: ResidencySceneOptions) {
  const clock = fakeClock();
  const random = options.random ?? (() => 0.5);
  const stopping = new AbortController();
  const seen: Seen = { loads: [], unloads: [], faults: [], pulls: [], loaded: new Map(), killed: 0 };
  const inUse = new Map<string, number>();
  /** All loads fail when a process of the server is killed. */
  const loading = new Set<string>();
  const answers: { load?: (name: string) => ServerAnswer | undefined } = {};
  let specs = new Map<string, ModelSpec>();
  let most = 0;
  /** A process does not return memory. */
  let grown = 0;
  const sizeOf = (name: string) => Number(specs.get(name)?.memory ?? 0);
  const trueSize = options.trueSize;
  const isTooMuch = () => {
    const { realSize, memoryLimit = Number.POSITIVE_INFINITY } = options;
    return (
      realSize !== undefined &&
      [...seen.loaded.keys()].reduce((sum, name) => sum + realSize(name), 0) > memoryLimit
    );
  };
  const done = () => Promise.resolve();
  const adapter: ModelServerAdapter = {
    health: () => Promise.resolve('up'),
    index: () => Promise.resolve(new Map([...seen.loaded.keys()].map((name) => [name, true]))),
    saysRepository: () => Promise.resolve(true),
    ready: (name) => Promise.resolve(seen.loaded.has(name)),
    memory: () => Promise.resolve(trueSize && { bytes: 100 + grown, source: 'server' }),
    loadsAllAtStart: () => Promise.resolve(options.loadsAllAtStart ?? false),
    load: async (name) => {
      seen.loads.push(name);
      loading.add(name);
      seen.loaded.set(name, sizeOf(name));
      const total = [...seen.loaded.values()].reduce((sum, size) => sum + size, 0);
      most = Math.max(most, total);
      if (total > options.memoryBudget) seen.faults.push(`${total} bytes are loaded with ${name}`);
      if (trueSize !== undefined) {
        const really = [...seen.loaded.keys()].reduce((sum, loaded) => sum + trueSize(loaded), 0);
        grown = Math.max(grown, really);
      }
      if (isTooMuch()) {
        seen.killed += 1;
        if (options.startsAgain === true) {
          for (const other of loading) seen.loaded.delete(other);
          loading.clear();
          return KILLED;
        }
        serverGone();
        void clock.sleep(milliseconds(1_000)).then(serverUp);
        return { kind: 'unavailable', reason: 'ModelServerUnavailable', message: 'killed', gone: true };
      }
      await clock.sleep(milliseconds(1 + random() * 20));
      if (!loading.delete(name)) return KILLED;
      const answer = answers.load?.(name);
      if (answer !== undefined) {
        seen.loaded.delete(name);
        return answer;
      }
      return { kind: 'done' };
    },
    unload: async (name) => {
      seen.unloads.push(name);
      if ((inUse.get(name) ?? 0) > 0 && specs.has(name))
        seen.faults.push(`${name} is unloaded while it is used`);
      if (options.pinned?.includes(name) === true && specs.has(name))
        seen.faults.push(`${name} is unloaded, which is pinned`);
      await clock.sleep(milliseconds(1 + random() * 5));
      seen.loaded.delete(name);
      return { kind: 'done' };
    },
  };
  const remembered: RememberedHeat = { heat: options.heat ?? new Map(), base: undefined };
  let settled = 0;
  const residency = createResidency({
    ...{ clock, remembered, waitWhileServerIsAway: false, stopping: stopping.signal },
    wakeTimeout: milliseconds(options.wakeTimeout ?? 60_000),
    consider: (names) => engine.consider(names),
    measure: async () => (await adapter.memory())?.bytes,
    waited: () => undefined,
    settled: () => {
      settled += 1;
    },
  });
  residency.configure(onDemand(options));
  const engine = createEngine({
    ...{ clock, random, adapter, log: silentLogger, residence: residency.control },
    limits: { fetches: 16, loads: 8, slowAfter: seconds(1) },
    observer: { changed: () => undefined, forgotten: () => undefined, stepped: () => undefined },
    puller: {
      pull: async ({ id }) => {
        seen.pulls.push(id);
        await clock.sleep(milliseconds(1 + random() * 20));
        return { kind: 'pulled', bytes: 10, files: 1 };
      },
      stop: done,
    },
    store: {
      recover: () => Promise.resolve(new Map()),
      pathOf: (name) => `/m/${name}`,
      newStagingPath: (name) => Promise.resolve(`/s/${name}`),
      notedHash: () => undefined,
      bytesOf: () => Promise.resolve(undefined),
      ...{ install: done, commit: done, goBack: done, discardPrevious: done, discard: done },
      ...{ noteLoaded: done, remove: done, close: done, park: done, unpark: done, evict: done },
    },
  });
  engine.adopt(options.found ?? new Map());
  const setModels = (next: ReadonlyMap<string, ModelSpec>) => {
    specs = new Map(next);
    engine.setDesired(specs);
  };
  const serverUp = () => {
    engine.applyIndex({
      ready: new Map([...seen.loaded.keys()].map((name) => [name, true])),
      askedAt: engine.revisions(),
    });
    engine.serverUp(options.loadsAllAtStart ?? false);
  };
  const serverGone = () => {
    seen.loaded.clear();
    grown = 0;
    engine.serverGone();
  };
  /** A request as the proxy makes it, which uses the model for this many milliseconds. */
  const request = async (
    name: string,
    lasts = 0,
    signal = new AbortController().signal,
  ): Promise<WakeOutcome> => {
    const { waker } = residency;
    const availability = waker.availability(name);
    if (availability.kind === 'unknown') return { kind: 'removed' };
    const outcome: WakeOutcome =
      availability.kind === 'loaded' ? availability : await waker.wait(name, signal);
    if (outcome.kind !== 'loaded') return outcome;
    const leave = waker.enter(name, availability.kind === 'loaded' ? 'at-once' : 'after-wait');
    inUse.set(name, (inUse.get(name) ?? 0) + 1);
    if (!seen.loaded.has(name) && specs.has(name)) seen.faults.push(`${name} is asked and not there`);
    await clock.sleep(milliseconds(lasts));
    inUse.set(name, (inUse.get(name) ?? 1) - 1);
    leave();
    return outcome;
  };
  const phases = () => new Map([...engine.models()].map(({ name, phase }) => [name, phase.phase]));
  return {
    ...{ clock, engine, residency, seen, answers, request, phases, setModels, serverUp, serverGone },
    settled: () => settled,
    most: () => most,
    grown: () => grown,
    stop: () => stopping.abort(),
  };
}

/** This many models of one size. */
export function models(count: number, memory = 1): Map<string, ModelSpec> {
  return new Map(Array.from({ length: count }, (_, index) => [`m${index}`, specOf(memory)]));
}

/** What a restarted agent finds of a model that was loaded before. */
export function foundAsleep(spec: ModelSpec): StoredModel {
  return { stored: spec, previous: undefined, parked: true, loadedHash: specHash(spec) };
}
