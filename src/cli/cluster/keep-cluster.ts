import { askerOf } from '../../development/controlplane/api-request.ts';
import type { AskApiServer } from '../../development/controlplane/api-request.ts';
import { endNamespaces } from '../../development/controlplane/end-namespaces.ts';
import { ClusterNotRunningError } from '../../development/controlplane/errors.ts';
import { writeKeeper } from '../../development/controlplane/keeper-state.ts';
import type { KeeperState } from '../../development/controlplane/keeper-state.ts';
import { readCluster } from '../../development/controlplane/named-cluster.ts';
import { identifyProcess } from '../../development/controlplane/process-identity.ts';
import { seconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { systemClock } from '../../lib/system-clock.ts';
import type { CommandIo } from '../io.ts';
import { serveModels } from './serve-models.ts';
import type { ServingProgress } from './serve-models.ts';

interface KeepOptions {
  readonly directory: string;
  readonly serve: boolean;
  readonly launcher: string;
}

type Report = (phase: KeeperState['phase'], message: string) => Promise<void>;

const EVERY = seconds(0.5);

/**
 * Runs beside a cluster's two servers until it is stopped or they are gone: ends namespaces that are deleted, and with
 * `serve` runs the manager, MLServer and the agent.
 */
export async function keepCluster(io: CommandIo, options: KeepOptions): Promise<void> {
  const { directory, serve } = options;
  const cluster = await readCluster(directory);
  if (cluster.phase !== 'running') throw new ClusterNotRunningError('the cluster is not running');
  const self = await identifyProcess(process.pid);
  if (self === undefined) throw new ClusterNotRunningError('this process cannot be identified');
  const report: Report = async (phase, message) => {
    io.stdout.write(`${message}\n`);
    await writeKeeper(directory, { process: self, serves: serve, phase, message });
  };
  const over = new AbortController();
  const stopped = AbortSignal.any([io.interruption(), over.signal]);
  const ask = await askerOf(directory, cluster.state.server);
  const keeping = keep(io, ask, directory, stopped).finally(() => over.abort());
  try {
    if (serve)
      await serveModels(io, { ...options, kubeconfig: cluster.kubeconfig }, reportOnce(io, report), stopped);
    else await report('ready', 'namespaces that are deleted end');
    await keeping;
  } catch (thrown) {
    await report('failed', messageOf(thrown));
    throw thrown;
  } finally {
    over.abort();
    await keeping;
  }
}

/** Returns when stopped, or once the cluster is gone. */
async function keep(
  io: CommandIo,
  ask: AskApiServer,
  directory: string,
  stopped: AbortSignal,
): Promise<void> {
  while (!stopped.aborted) {
    if ((await readCluster(directory)).phase !== 'running') return;
    await endNamespaces(ask).catch((thrown: unknown) => {
      io.stderr.write(`the next round tries again: ${messageOf(thrown)}\n`);
    });
    await systemClock.sleep(EVERY, stopped);
  }
}

/** What happens once the models answer is for the log alone. */
function reportOnce(io: CommandIo, report: Report): ServingProgress {
  let isReady = false;
  return {
    say(line) {
      if (isReady) io.stdout.write(`${line}\n`);
      else void report('starting', line);
    },
    ready(page) {
      isReady = true;
      return report('ready', `models answer, and the page is at ${page}`);
    },
  };
}
