import type { Registry } from 'prom-client';
import { type Clock, type Random, seconds } from '../lib/clock.ts';
import type { ModelSet } from './config/desired-models.decide.ts';
import type { Logger } from '../lib/log.ts';
import type { ModelSpec } from '../contract/model-config.ts';
import { type ConfigReading, watchModelConfig } from './config/config-watcher.ts';
import type { EngineObserver } from './engine/context.ts';
import { createEngine, type Engine } from './engine/engine.ts';
import { discoverModelServer } from './model-server/discovery.ts';
import { httpCaller } from './model-server/http-call.ts';
import { mlserverSettings } from './model-server/mlserver-settings.ts';
import { monitorModelServer, type ServerState } from './model-server/monitor.ts';
import { processMemoryAt } from './model-server/process-memory.ts';
import { v2Adapter } from './model-server/v2.ts';
import { type ModelStore, openModelStore, type StoredModel } from './model-store.ts';
import type { AgentOptions } from './options.ts';
import type { Puller } from './puller/contract.ts';
import type { Readiness } from './readiness.ts';
import { type RunningResidency, startResidency } from './residency/start-residency.ts';
import type { ModelResidency } from './residency/residency.ts';
import type { ModelWaker } from './residency/waker.ts';
import type { StatusBoard } from './status/status-store.ts';

/** A step that takes longer frees its slot for the next. */
const SLOW_AFTER = seconds(1);

/** With residency on-demand, how often subscribers of the status get the changes that only follow requests. */
const QUIET_FOR = seconds(60);

interface ModelsDeps {
  readonly options: AgentOptions;
  readonly puller: Puller;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly readiness: Readiness;
  readonly board: StatusBoard;
  /** For the metrics of residency on-demand. */
  readonly registry: Registry;
  readonly stepped: EngineObserver['stepped'];
  readonly forgotten: EngineObserver['forgotten'];
}

export interface RunningModels {
  readonly engine: Engine;
  readonly store: ModelStore;
  readonly residency: RunningResidency;
  /** Lets requests wait for their models. Undefined if none has to. */
  readonly waker: () => ModelWaker | undefined;
  /** The pod is terminating. */
  startDraining: ModelResidency['startDraining'];
  /** Resolves once models.json and residency.json have been read for the first time, whatever they contain. */
  readonly read: Promise<undefined>;
}

/** Takes over what is on disk, and follows models.json and the model server until the signal aborts. */
export async function startModels(deps: ModelsDeps, signal: AbortSignal): Promise<RunningModels> {
  const { options, clock, log, board } = deps;
  const store = await openModelStore(options.modelDir, clock);
  const [first, ...others] = options.modelServerUrls;
  const settings = mlserverSettings(options.modelDir, clock, () => residency.isOnDemand());
  const mlserverMetrics = httpCaller(options.residency.mlserverMetricsUrl);
  const speak = (url: URL) =>
    v2Adapter(httpCaller(url), settings, {
      mlserverMetrics,
      ofProcess: processMemoryAt(Number(url.port === '' ? 80 : url.port)),
    });
  const adapter = discoverModelServer([speak(first), ...others.map(speak)]);
  // The two refer to each other. Until there is an engine, there is no model to decide for.
  const made: { engine?: Engine } = {};
  const adopted = Promise.withResolvers<ReadonlyMap<string, StoredModel>>();
  const residency = await startResidency(
    {
      ...{
        adapter,
        clock,
        log,
        registry: deps.registry,
        modelDir: options.modelDir,
        settings: options.residency,
      },
      consider: (names) => made.engine?.consider(names),
      measuredBy: (memorySource) => board.setFacts({ memorySource }),
      settled: () => deps.readiness.memoryIsFull(),
      turnedOn: () => void adopted.promise.then((found) => measureFound(store, made.engine, found, signal)),
    },
    signal,
  );
  const engine = createEngine({
    ...deps,
    store,
    adapter,
    residence: residency.control,
    limits: { slowAfter: SLOW_AFTER, fetches: options.downloads, loads: options.loads },
    observer: observerOf(deps, residency),
  });
  made.engine = engine;
  const found = await store.recover();
  await settings.showAll();
  engine.adopt(found);
  adopted.resolve(found);
  const read = Promise.withResolvers<undefined>();
  const report = (reading: ConfigReading): void => {
    takeReading(reading, deps, engine, found);
    read.resolve(undefined);
  };
  void watchModelConfig(options.configDir, clock, signal, report, residency.read);
  const changed = (modelServer: ServerState): void => board.setFacts({ modelServer });
  void monitorModelServer({ adapter, engine, clock, log, changed }, signal);
  void flushQuietly(board, clock, signal);
  const { waker, startDraining } = residency;
  const wakes = () => residency.isOnDemand() || options.residency.waitWhileServerIsAway;
  return {
    ...{ engine, store, residency, startDraining, read: read.promise },
    waker: () => (wakes() ? waker : undefined),
  };
}

/** A disk budget must also count what an earlier agent fetched. Measures one tree after the other. */
async function measureFound(
  store: ModelStore,
  engine: Engine | undefined,
  found: ReadonlyMap<string, StoredModel>,
  signal: AbortSignal,
): Promise<void> {
  for (const name of found.keys()) {
    if (signal.aborted) return;
    const bytes = await store.bytesOf(name);
    if (bytes !== undefined) engine?.foundBytes(name, bytes);
  }
}

async function flushQuietly(board: StatusBoard, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(QUIET_FOR, signal);
    board.flushQuiet();
  }
}

function observerOf(
  { readiness, board, stepped, forgotten }: ModelsDeps,
  residency: RunningResidency,
): EngineObserver {
  return {
    stepped,
    changed: (model) => {
      readiness.observe(model.name, model.phase.phase);
      if (residency.isOnDemand()) board.putQuietly(model);
      else board.put(model);
    },
    forgotten: (name) => {
      readiness.observe(name, 'gone');
      board.remove(name);
      forgotten(name);
    },
  };
}

function takeReading(
  reading: ConfigReading,
  { readiness, board, log }: ModelsDeps,
  engine: Engine,
  found: ReadonlyMap<string, StoredModel>,
): void {
  if (reading.kind === 'good') {
    log.info({ models: reading.models.size, hash: reading.hash }, 'models.json was read');
    board.setFacts({ config: { state: 'good', message: '', hash: reading.hash } });
    readiness.setFirstSet(reading.models.keys());
    engine.setDesired(reading.models);
    return;
  }
  log.error({}, `${reading.message}; the models stay as they are`);
  readiness.setConfigFault(reading.message);
  const { hash } = board.facts().config;
  board.setFacts({ config: { state: 'faulty', message: reading.message, hash } });
  // A restarted agent without a good set keeps what its predecessor had on disk.
  const recovered = recoveredSet(found);
  if (hash === null && recovered.size > 0) {
    readiness.setFirstSet(recovered.keys());
    engine.setDesired(recovered);
  }
}

function recoveredSet(found: ReadonlyMap<string, StoredModel>): ModelSet {
  return new Map(
    [...found].flatMap(([name, { stored }]): [string, ModelSpec][] =>
      stored === undefined ? [] : [[name, stored]],
    ),
  );
}
