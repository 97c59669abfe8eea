import { type Clock, type Milliseconds, milliseconds, type Random, seconds } from '../core/clock.ts';
import { type ModelSet } from '../core/desired-models.ts';
import { type Logger } from '../core/log.ts';
import { type ModelSpec } from '../core/model-config.ts';
import { readComponentProbe } from '../core/readiness-probe.ts';
import { type ConfigReading, watchModelConfig } from './config/config-watcher.ts';
import { createEngine, type Engine } from './engine/engine.ts';
import { discoverModelServer } from './model-server/discovery.ts';
import { httpCaller } from './model-server/http-call.ts';
import { mlserverSettings } from './model-server/mlserver-settings.ts';
import { monitorModelServer } from './model-server/monitor.ts';
import { v2Adapter } from './model-server/v2.ts';
import { type ModelStore, openModelStore, type StoredModel } from './model-store.ts';
import { type AgentOptions } from './options.ts';
import { type Proxy, startProxy } from './proxy/proxy-server.ts';
import { type Puller } from './puller/contract.ts';
import { askComponent, createReadiness, type Readiness } from './readiness.ts';
import { createStatusBoard, type StatusBoard } from './status/board.ts';
import { type AgentMetrics, createAgentMetrics } from './status/metrics.ts';
import { startStatusServer, type StatusServer } from './status/status-server.ts';

/** What the agent needs from outside. */
export interface AgentDeps {
  readonly options: AgentOptions;
  /** SERVING_READINESS_PROBE of the environment. */
  readonly readinessProbe: string | undefined;
  /** A new one for every start. */
  readonly instance: string;
  readonly puller: Puller;
  readonly clock: Clock;
  readonly random: Random;
  /** Monotonic milliseconds. */
  readonly stopwatch: () => number;
  readonly log: Logger;
  /** Where to listen; all addresses when absent. */
  readonly address?: string;
}

export interface RunningAgent {
  readonly port: number;
  readonly statusPort: number;
  /** Fails readiness, lets requests finish, then ends everything. The model server keeps its models. */
  stop(): Promise<void>;
}

/** Requests may still arrive for this long after the last one, until every gateway knows that the pod is going. */
const QUIET_BEFORE_CLOSE = seconds(5);

/** Between two looks at a readiness that nobody asks for. */
const LOOK_EVERY = milliseconds(500);

/** A step that takes longer gives its slot to the next. */
const SLOW_AFTER = seconds(1);

/** Starts the agent; it is serving when this resolves, and ready once its first models are settled. */
export async function runAgent(deps: AgentDeps): Promise<RunningAgent> {
  const { options, clock, log } = deps;
  const { probe, remarks } = readComponentProbe(deps.readinessProbe, options.componentPort, options.port);
  for (const remark of remarks) log.warn({}, remark);
  const ending = new AbortController();
  const readiness = createReadiness(() => askComponent(probe));
  const board = createStatusBoard(deps.instance, clock.now());
  let pulling: Pulling | undefined;
  const metrics = createAgentMetrics(
    () => pulling?.engine.models() ?? [],
    (model) => board.model(model) !== undefined,
  );
  const notReady = async () => {
    const reason = await readiness.check();
    board.setFacts({ ready: reason === undefined, readyReason: reason ?? '' });
    return reason;
  };
  const listening = { ...(deps.address === undefined ? {} : { address: deps.address }), notReady };
  const proxy = await startProxy({
    ...listening,
    port: options.port,
    componentPort: options.componentPort,
    observe: metrics.requested,
    stopwatch: deps.stopwatch,
  });
  const status = await startStatusServer({ ...listening, port: options.statusPort, board, metrics });
  if (options.enablePuller) pulling = await startPulling(deps, { readiness, board, metrics }, ending.signal);
  else readiness.setFirstSet([]);
  // The status should say so as soon as the pod could be ready, whoever asks.
  void lookUntil(() => board.facts().ready, notReady, clock, ending.signal);
  log.info(
    { port: proxy.port, statusPort: status.port, puller: options.enablePuller },
    'the agent is serving',
  );
  return {
    port: proxy.port,
    statusPort: status.port,
    stop: () => stopAgent(deps, { proxy, status, readiness, pulling, ending }),
  };
}

async function lookUntil(
  done: () => boolean,
  look: () => Promise<unknown>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!done() && !signal.aborted) {
    await look();
    await clock.sleep(LOOK_EVERY, signal);
  }
}

interface Reporters {
  readonly readiness: Readiness;
  readonly board: StatusBoard;
  readonly metrics: AgentMetrics;
}

interface Pulling {
  readonly engine: Engine;
  readonly store: ModelStore;
}

async function startPulling(deps: AgentDeps, reporters: Reporters, signal: AbortSignal): Promise<Pulling> {
  const { options, clock, log } = deps;
  const { readiness, board, metrics } = reporters;
  const store = await openModelStore(options.modelDir);
  const [first, ...others] = options.modelServerUrls;
  const settings = mlserverSettings(options.modelDir, clock);
  const speak = (url: URL) => v2Adapter(httpCaller(url), settings);
  const adapter = discoverModelServer([speak(first), ...others.map(speak)]);
  const engine = createEngine({
    ...deps,
    store,
    adapter,
    limits: { slowAfter: SLOW_AFTER, fetches: options.downloads, loads: options.loads },
    observer: {
      changed: (model) => {
        readiness.observe(model.name, model.phase.phase);
        board.put(model);
      },
      forgotten: (name) => {
        readiness.observe(name, 'gone');
        board.remove(name);
        metrics.forgotten(name);
      },
      stepped: metrics.stepped,
    },
  });
  const found = await store.recover();
  await settings.showAll();
  engine.adopt(found);
  void watchModelConfig(options.configDir, clock, signal, (reading) => {
    takeReading(reading, { engine, readiness, board, log, found });
  });
  const changed = (modelServer: Parameters<typeof board.setFacts>[0]['modelServer']) => {
    if (modelServer !== undefined) board.setFacts({ modelServer });
  };
  void monitorModelServer({ adapter, engine, clock, log, changed }, signal);
  return { engine, store };
}

interface ReadingContext {
  readonly engine: Engine;
  readonly readiness: Readiness;
  readonly board: StatusBoard;
  readonly log: Logger;
  readonly found: ReadonlyMap<string, StoredModel>;
}

function takeReading(reading: ConfigReading, { engine, readiness, board, log, found }: ReadingContext): void {
  if (reading.kind === 'good') {
    log.info({ models: reading.models.size, hash: reading.hash }, 'models.json was read');
    board.setFacts({ config: { state: 'good', message: '', hash: reading.hash } });
    readiness.setFirstSet(reading.models.keys());
    engine.wish(reading.models);
    return;
  }
  log.error({}, `${reading.message}; the models stay as they are`);
  readiness.setConfigFault(reading.message);
  const { hash } = board.facts().config;
  board.setFacts({ config: { state: 'faulty', message: reading.message, hash } });
  // A restarted agent that never saw a good set keeps what its predecessor had on disk.
  const recovered = recoveredSet(found);
  if (hash === null && recovered.size > 0) {
    readiness.setFirstSet(recovered.keys());
    engine.wish(recovered);
  }
}

function recoveredSet(found: ReadonlyMap<string, StoredModel>): ModelSet {
  return new Map(
    [...found].flatMap(([name, { stored }]): [string, ModelSpec][] =>
      stored === undefined ? [] : [[name, stored]],
    ),
  );
}

interface Parts {
  readonly proxy: Proxy;
  readonly status: StatusServer;
  readonly readiness: Readiness;
  readonly pulling: Pulling | undefined;
  readonly ending: AbortController;
}

async function stopAgent(
  deps: AgentDeps,
  { proxy, status, readiness, pulling, ending }: Parts,
): Promise<void> {
  const { clock, log, stopwatch, options } = deps;
  log.info({ drainSeconds: options.drainSeconds }, 'draining');
  readiness.startDraining();
  proxy.startDraining();
  pulling?.engine.stop();
  ending.abort();
  const began = stopwatch();
  const left = (): Milliseconds =>
    milliseconds(Math.max(0, Math.round(options.drainSeconds * 1000 - (stopwatch() - began))));
  while (left() > 0 && !isQuiet(proxy, stopwatch, began))
    await clock.sleep(milliseconds(Math.min(100, left())));
  await Promise.all([proxy.close(AbortSignal.timeout(left())), deps.puller.stop()]);
  status.close();
  await pulling?.store.close();
  log.info({}, 'stopped');
}

function isQuiet(proxy: Proxy, stopwatch: () => number, began: number): boolean {
  const { inFlight, lastStarted } = proxy.activity();
  return inFlight === 0 && stopwatch() - Math.max(began, lastStarted) >= QUIET_BEFORE_CLOSE;
}
