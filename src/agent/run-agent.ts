import { type Clock, type Milliseconds, milliseconds, type Random, seconds } from '../lib/clock.ts';
import type { Logger } from '../lib/log.ts';
import { readComponentProbe } from './readiness-probe.decide.ts';
import { readResidencyFile } from './config/config-watcher.ts';
import type { EngineObserver } from './engine/context.ts';
import { collectHeap, giveBackAfterWork } from './give-back.ts';
import type { AroundProxy } from './around-proxy.ts';
import { createDrainWait, type DrainWait } from './drain-wait.ts';
import type { AgentOptions } from './options.ts';
import type { Proxy } from './proxy/proxy-server.ts';
import type { Puller } from './puller/contract.ts';
import { createStartingWaker } from './residency/starting-waker.ts';
import { askComponents, createReadiness, type Readiness } from './readiness.ts';
import { type RunningModels, startModels } from './start-models.ts';
import type { Environment } from './sources/environment.ts';
import { startServing } from './serving.ts';
import { createStatusBoard } from './status/status-store.ts';
import type { StatusServer } from './status/status-server.ts';

/** What the agent needs from its caller. */
interface AgentDeps {
  readonly options: AgentOptions;
  /** SERVING_READINESS_PROBE of the environment. */
  readonly readinessProbe: string | undefined;
  /** A new one for every start. */
  readonly instance: string;
  readonly puller: Puller;
  /** Holds the credentials of object stores. */
  readonly environment: Environment;
  /** The script of the request logger's thread. */
  readonly logThread: URL;
  readonly clock: Clock;
  readonly random: Random;
  /** Monotonic milliseconds. */
  readonly stopwatch: () => number;
  readonly log: Logger;
  /** The address to listen on. All addresses if absent. */
  readonly address?: string;
}

interface RunningAgent {
  readonly port: number;
  readonly statusPort: number;
  /** Fails readiness, lets requests finish, then stops everything. The model server keeps its models. */
  stop(): Promise<void>;
}

/** Wait for this long after the last request, until every gateway knows that the pod is terminating. */
const QUIET_BEFORE_CLOSE = seconds(5);

/** The longest wait for requests. Together with --drain-seconds it is less than the 30 s that a pod has to end. */
const FLUSH_AT_LEAST = seconds(5);

/** Between two checks of readiness when no probe asks for it. */
const LOOK_EVERY = milliseconds(500);

/** Starts the agent. It serves when this resolves, and is ready once its first models have loaded or failed. */
export async function runAgent(deps: AgentDeps): Promise<RunningAgent> {
  const { options, clock, log } = deps;
  const reading = readComponentProbe(deps.readinessProbe, options.componentPort, options.port);
  for (const remark of [...reading.remarks, ...options.remarks]) log.warn({}, remark);
  const ending = new AbortController();
  const readiness = createReadiness(() => askComponents([reading.probe, ...reading.alternatives]));
  const board = createStatusBoard(deps.instance, clock.now());
  const drainWait = createDrainWait(clock);
  const notReady = async () => {
    const reason = await readiness.check();
    board.setFacts({ ready: reason === undefined, readyReason: reason ?? '' });
    return reason;
  };
  let models: RunningModels | undefined;
  let starting = waitsAtStart(options) ? createStartingWaker() : undefined;
  const serving = await startServing({
    ...deps,
    ...{ notReady, board, drainWait },
    models: () => models?.engine.models() ?? [],
    waker: () => starting ?? models?.waker(),
  });
  const { forgotten, registry } = serving.metrics;
  let steps = 0;
  const stepped: EngineObserver['stepped'] = (...step) => {
    steps += 1;
    serving.metrics.stepped(...step);
  };
  if (options.enablePuller) {
    const running = await startModels(
      { ...deps, readiness, board, registry, stepped, forgotten },
      ending.signal,
    );
    models = running;
    void running.read.then(() => {
      starting?.started(running.waker());
      starting = undefined;
    });
  } else readiness.setFirstSet([]);
  // The status should show it as soon as the pod could be ready, whether or not a probe asks.
  void lookUntil(() => board.facts().ready, notReady, clock, ending.signal);
  const served = () => {
    const { inFlight, lastStarted } = serving.proxy.activity();
    return inFlight === 0 ? lastStarted : undefined;
  };
  void giveBackAfterWork({ steps: () => steps, served }, { clock, collect: collectHeap }, ending.signal);
  const { port } = serving.proxy;
  log.info({ port, statusPort: serving.status.port, puller: options.enablePuller }, 'the agent is serving');
  return {
    ...{ port, statusPort: serving.status.port },
    stop: () => stopAgent(deps, { ...serving, drainWait, readiness, models, ending }),
  };
}

/** Whether requests may have to wait for their models, as far as the flags and residency show. */
function waitsAtStart({ enablePuller, residency, configDir }: AgentOptions): boolean {
  if (!enablePuller) return false;
  if (residency.kind === 'on-demand' || residency.waitWhileServerIsAway) return true;
  const reading = readResidencyFile(configDir);
  return reading.kind === 'good' && reading.residency.kind === 'on-demand';
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

interface Parts {
  readonly proxy: Proxy;
  readonly around: AroundProxy;
  readonly status: StatusServer;
  readonly drainWait: DrainWait;
  readonly readiness: Readiness;
  readonly models: RunningModels | undefined;
  readonly ending: AbortController;
}

async function stopAgent(
  deps: AgentDeps,
  { proxy, around, status, drainWait, readiness, models, ending }: Parts,
): Promise<void> {
  const { clock, log, stopwatch, options } = deps;
  log.info({ drainSeconds: options.drainSeconds }, 'draining');
  readiness.startDraining();
  proxy.startDraining();
  drainWait.begin();
  const stopModels = (): void => {
    models?.engine.stop();
    ending.abort();
  };
  if (models?.startDraining() !== 'wakes') stopModels();
  const began = stopwatch();
  const left = (): Milliseconds =>
    milliseconds(Math.max(0, Math.round(options.drainSeconds * 1000 - (stopwatch() - began))));
  while (left() > 0 && !isQuiet(proxy, stopwatch, began))
    await clock.sleep(milliseconds(Math.min(100, left())));
  stopModels();
  await Promise.all([proxy.close(AbortSignal.timeout(left())), deps.puller.stop()]);
  await drainWait.end();
  await around.stop(AbortSignal.timeout(Math.max(left(), FLUSH_AT_LEAST)));
  status.close();
  await models?.store.close();
  log.info({}, 'stopped');
}

function isQuiet(proxy: Proxy, stopwatch: () => number, began: number): boolean {
  const { inFlight, lastStarted } = proxy.activity();
  return inFlight === 0 && stopwatch() - Math.max(began, lastStarted) >= QUIET_BEFORE_CLOSE;
}
