import type { Clock } from '../lib/clock.ts';
import { MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { type AroundProxy, startAround } from './around-proxy.ts';
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
  /** Where to listen; all addresses when absent. */
  readonly address?: string;
  /** Undefined when ready, else why not. */
  readonly notReady: () => Promise<string | undefined>;
  readonly board: StatusBoard;
  readonly models: () => Iterable<Readonly<TrackedModel>>;
  /** By whom requests wait for models that sleep; undefined, or giving nothing: none waits. */
  readonly waker?: () => ModelWaker | undefined;
  /** Monotonic milliseconds. */
  readonly stopwatch: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly environment: Environment;
  /** What the thread of the request logger runs. */
  readonly logThread: URL;
}

/** What others reach the agent by. */
interface Serving {
  readonly proxy: Proxy;
  readonly status: StatusServer;
  readonly metrics: AgentMetrics;
  readonly around: AroundProxy;
}

/** Another container of the pod listens where the agent has to. */
class AgentPortTakenError extends MmsError {
  readonly code = 'AGENT_PORT_TAKEN';
  readonly retryable = true;

  constructor(flag: string, port: number, cause: unknown) {
    super(
      `cannot listen on port ${port} (${flag}): something else in the pod listens there, the model server perhaps. ` +
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
  const metrics = createAgentMetrics(models, board.has);
  const around = await startAround({ ...deps, registry: metrics.registry });
  const listening = { ...(address === undefined ? {} : { address }), notReady };
  const proxy = await startProxy({
    ...listening,
    port: options.port,
    componentPort: options.componentPort,
    observe: metrics.requested,
    stopwatch,
    around: around.around,
    aroundStreams: around.aroundStreams,
    wake: wakeOf(deps),
  }).catch(portTaken('--port', options.port));
  const status = await startStatusServer({
    ...listening,
    port: options.statusPort,
    board,
    metrics,
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
