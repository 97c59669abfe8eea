import type { Clock } from '../lib/clock.ts';
import { MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type AroundProxy, startAround } from './around-proxy.ts';
import type { DrainWait } from './drain-wait.ts';
import type { TrackedModel } from './engine/tracked-model.ts';
import type { AgentOptions } from './options.ts';
import type { ModelWaker } from './residency/waker.ts';
import { type Proxy, startProxy } from './proxy/proxy-server.ts';
import type { Wake } from './proxy/wake.ts';
import type { Environment } from './sources/environment.ts';
import type { StatusBoard } from './status/status-store.ts';
import { type AgentMetrics, createAgentMetrics } from './status/metrics.ts';
import { startStatusServer, type StatusServer } from './status/status-server.ts';

interface ServingDeps {
  readonly options: AgentOptions;
  /** The address to listen on. All addresses if absent. */
  readonly address?: string;
  /** Undefined if ready, else the reason. */
  readonly notReady: () => Promise<string | undefined>;
  readonly board: StatusBoard;
  readonly drainWait: DrainWait;
  readonly models: () => Iterable<Readonly<TrackedModel>>;
  /** Lets requests wait for sleeping models. If undefined, or if it returns undefined, no request waits. */
  readonly waker?: () => ModelWaker | undefined;
  /** Monotonic milliseconds. */
  readonly stopwatch: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly environment: Environment;
  /** The script of the request logger's thread. */
  readonly logThread: URL;
}

/** The agent's two servers. */
interface Serving {
  readonly proxy: Proxy;
  readonly status: StatusServer;
  readonly metrics: AgentMetrics;
  readonly around: AroundProxy;
}

/** Another container of the pod listens on a port that the agent needs. */
class AgentPortTakenError extends MmsError {
  readonly code = 'AGENT_PORT_TAKEN';
  readonly retryable = true;

  constructor(flag: string, port: number, cause: unknown) {
    super(
      `cannot listen on port ${port} (${flag}): another process in the pod listens there, perhaps the model server. ` +
        `Give that container another port: requests and probes expect the agent at ${port}.`,
      { cause },
    );
  }
}

function portTaken(flag: string, port: number): (thrown: unknown) => never {
  return (thrown) => {
    if ((thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw thrown;
    throw new AgentPortTakenError(flag, port, thrown);
  };
}

/** Opens the agent's ports: the data path, and status with metrics. */
export async function startServing(deps: ServingDeps): Promise<Serving> {
  const { options, board, models, stopwatch, notReady, address } = deps;
  const metrics = createAgentMetrics(models, (model) => board.model(model) !== undefined);
  const around = await startAround({ ...deps, registry: metrics.registry });
  const listening = { ...(address === undefined ? {} : { address }), notReady };
  const proxy = await startProxy({
    ...listening,
    port: options.port,
    componentPort: options.componentPort,
    observe: metrics.requested,
    stopwatch,
    around: around.around,
    look: around.look,
    wake: wakeOf(deps),
  }).catch(portTaken('--port', options.port));
  const status = await startStatusServer({
    ...listening,
    port: options.statusPort,
    ...{ board, metrics, drainWait: deps.drainWait },
  }).catch(async (thrown: unknown) => {
    await proxy.close(AbortSignal.abort());
    return portTaken('--status-port', options.statusPort)(thrown);
  });
  return { proxy, status, metrics, around };
}

function wakeOf({ waker, options, clock }: ServingDeps): (() => Wake | undefined) | undefined {
  if (waker === undefined) return undefined;
  let last: Wake | undefined;
  return () => {
    const now = waker();
    if (now !== last?.waker) last = now && { waker: now, timeout: options.residency.wakeTimeout, clock };
    return last;
  };
}
