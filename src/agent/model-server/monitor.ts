import { eachAtOnce } from '../../lib/each-at-once.ts';
import { type Clock, type EpochMs, milliseconds, seconds } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import type { Engine } from '../engine/engine.ts';
import type { ModelServerAdapter, ServerHealth } from './adapter.ts';

/** Between two checks of a server that answers, and of one that does not. */
const STEADY = seconds(1);
const AWAY = milliseconds(200);
/** MLServer reads every model-settings.json for an index (about 1 ms each, measured), and serves nothing meanwhile. */
const INDEX_EVERY = seconds(300);
/** Concurrent requests to a server without an index. */
const ASKED_AT_ONCE = 16;

/** What is known of the server's process, for status and readiness. */
export interface ServerState {
  readonly state: 'unknown' | 'up' | 'down';
  readonly since: EpochMs;
}

interface MonitorDeps {
  readonly adapter: ModelServerAdapter;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Logger;
  readonly changed: (state: ServerState) => void;
}

/**
 * Watches the model server until the signal aborts, and reports to the engine when it starts, stops or has lost models.
 * A restart between two checks shows when a loaded model, a different one at each check, no longer answers.
 */
export async function monitorModelServer(deps: MonitorDeps, signal: AbortSignal): Promise<void> {
  const { adapter, engine, clock, log } = deps;
  let current: ServerState = { state: 'unknown', since: clock.now() };
  let indexedAt = clock.monotonic();
  const canaries = rotation(engine);
  const enter = (state: 'up' | 'down') => {
    current = { state, since: clock.now() };
    log.info({ state }, `the model server is ${state}`);
    deps.changed(current);
  };
  while (!signal.aborted) {
    const wasUp = current.state === 'up';
    const canary = wasUp ? canaries.next() : undefined;
    const revision = canary?.servedRevision;
    const look = await lookAt(adapter, canary?.name);
    const { health } = look;
    // A model that was unloaded during the request was not lost.
    const lost = look.lost && canary?.servedRevision === revision && canary?.unloading === false;
    if (isAborted(signal)) return;
    if (lost) log.warn({}, 'the model server has lost a model; comparing all');
    if (health === 'gone' && current.state !== 'down') {
      engine.serverGone();
      enter('down');
    } else if (health === 'up') {
      if (!wasUp || lost || clock.monotonic() - indexedAt > INDEX_EVERY) {
        await compareAll(adapter, engine);
        indexedAt = clock.monotonic();
      }
      if (!wasUp) engine.serverUp(await adapter.loadsAllAtStart());
      if (!wasUp) enter('up');
    }
    await clock.sleep(current.state === 'up' ? STEADY : AWAY, signal);
  }
}

/** Without this TypeScript assumes that a signal once seen unaborted stays so. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** One request if possible: a loaded model that answers shows that the server does. */
async function lookAt(
  adapter: ModelServerAdapter,
  canary: string | undefined,
): Promise<{ health: ServerHealth; lost: boolean }> {
  const ready = canary === undefined ? undefined : await adapter.ready(canary);
  if (ready !== undefined) return { health: 'up', lost: !ready };
  return { health: await adapter.health(), lost: false };
}

/** Returns the loaded models in turn, one a call. */
function rotation(engine: Engine): { next(): Readonly<TrackedModel> | undefined } {
  let queue: Readonly<TrackedModel>[] = [];
  const isLoaded = ({ served, unloading }: Readonly<TrackedModel>) => served.kind === 'loaded' && !unloading;
  const takeLoaded = () => {
    for (let model = queue.pop(); model !== undefined; model = queue.pop()) if (isLoaded(model)) return model;
    return undefined;
  };
  return {
    next: () => {
      const model = takeLoaded();
      if (model !== undefined) return model;
      queue = [...engine.models()].filter(isLoaded);
      return takeLoaded();
    },
  };
}

/** Asks for all models that the engine tracks. */
async function compareAll(adapter: ModelServerAdapter, engine: Engine): Promise<void> {
  const askedAt = engine.revisions();
  if (askedAt.size === 0) return;
  const ready = (await adapter.index()) ?? (await askEach(adapter, [...askedAt.keys()]));
  engine.applyIndex({ ready, askedAt });
}

async function askEach(adapter: ModelServerAdapter, names: readonly string[]): Promise<Map<string, boolean>> {
  const answers = new Map<string, boolean>();
  await eachAtOnce(names, ASKED_AT_ONCE, async (name) => {
    answers.set(name, (await adapter.ready(name)) ?? false);
  });
  return answers;
}
