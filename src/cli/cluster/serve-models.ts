import { mkdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { guardDirectory } from '../../development/controlplane/guard.ts';
import { freePorts } from '../../development/controlplane/ports.ts';
import { MmsError } from '../../lib/errors.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { cacheDirectory } from '../binary-options.ts';
import type { CommandIo } from '../io.ts';
import { userAgent } from '../version.ts';

interface ServeModelsOptions {
  /** For models, logs and the numbers of processes. */
  readonly directory: string;
  readonly launcher: string;
  readonly kubeconfig: string;
}

/** The receiver of progress. */
export interface ServingProgress {
  say(line: string): void;
  /** Called once every model of the examples is Ready, with the address of the manager's page. */
  ready(page: string): Promise<void>;
}

/** MLServer is needed, and cannot be had. */
class NoModelServerError extends MmsError {
  readonly code = 'NO_MODEL_SERVER';
  readonly retryable = false;
}

/** The API server would not pass requests on to the pods. */
class NoAddressError extends MmsError {
  readonly code = 'NO_ADDRESS';
  readonly retryable = true;
}

/**
 * Runs the manager, MLServer and the agent for a control plane, with models that answer, until stopped.
 *
 * @throws {MmsError} when something does not start
 */
export async function serveModels(
  io: CommandIo,
  { directory, launcher, kubeconfig }: ServeModelsOptions,
  { say, ready }: ServingProgress,
  stopped: AbortSignal,
): Promise<void> {
  const { mlserverEnvironment } = await import('../../development/demo/mlserver-environment.ts');
  const { serveLocally } = await import('../../development/local-node/serve-locally.ts');
  const { KubeConfig } = await import('../kube-config.ts');
  const { createApiClient } = await import('../../kube/api-client.ts');
  const { default: pino } = await import('pino');
  const { environment } = io;
  const address = addressOfThisMachine();
  say('looking for MLServer …');
  const found = await mlserverEnvironment({ cache: cacheDirectory(environment), environment, progress: say });
  if (found.kind === 'unavailable') {
    throw new NoModelServerError(
      `MLServer could not be installed, which takes Python 3 with venv and pip: ${found.reason}`,
    );
  }
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfig);
  const client = createApiClient(kubeConfig, { clock: systemClock, userAgent: userAgent() });
  // Should this process be killed, it ends what runs here.
  const pidDirectory = join(directory, 'processes');
  await mkdir(pidDirectory, { recursive: true });
  const [pagePort = 0] = await freePorts(1);
  const guard = guardDirectory(pidDirectory, 'permanent');
  try {
    await serveLocally(
      {
        ...{ client, clock: systemClock, random: Math.random, environment, launcher, kubeconfig, address },
        ...{
          logger: pino({ level: 'warn' }, io.stdout),
          directory: join(directory, 'serving'),
          pidDirectory,
          pagePort,
          say,
        },
        ...{ python: found.python, mlserver: found.mlserver },
      },
      () => ready(`http://localhost:${pagePort}`),
      stopped,
    );
  } finally {
    await client.close();
    await guard.dismiss();
  }
}

function addressOfThisMachine(): string {
  const address = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  if (address !== undefined) return address;
  throw new NoAddressError(
    'this machine has no IPv4 address besides 127.0.0.1, to which the API server passes no requests on; ' +
      'connect it to a network, or start the cluster without --serve',
  );
}
