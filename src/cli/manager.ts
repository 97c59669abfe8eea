import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { KubeConfig } from '@kubernetes/client-node';
import { seconds } from '../core/clock.ts';
import { messageOf, MmsError } from '../core/errors.ts';
import type { ManagerOptions } from '../manager/options.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { systemClock } from '../system/clock.ts';
import { userAgent } from './version.ts';

interface ManagerFlags {
  readonly local: boolean;
  readonly kubeconfig?: string;
  readonly webhookPort: number;
  readonly metricsPort: number;
  readonly healthPort: number;
  readonly certificate: 'self' | 'external';
  readonly agentImage?: string;
  readonly namespace: string;
  readonly injectCredentials: boolean;
  readonly propagate: boolean;
  readonly logLevel: string;
}

const DEFAULT_NAMESPACE = 'kserve-mms-system';
/** The endpoints of a Service follow a pod's readiness within seconds; a neighbour on this machine at once. */
const DRAIN = { 'in-cluster': seconds(15), local: seconds(1) };

/** What client-node falls back to where it finds no configuration at all. Source: its config.ts, loadFromDefault. */
const MADE_UP_SERVER = 'http://localhost:8080';

/** The kubeconfig is missing, unreadable, or names no cluster. */
class KubeconfigError extends MmsError {
  readonly code = 'KUBECONFIG';
  readonly retryable = false;
}

/** `mms manager`: webhook and reconciler. */
export function managerCommand(io: CommandIo): Command {
  const { environment } = io;
  const namespace = new Option('--namespace <name>', 'of the lease and the certificate')
    .env('POD_NAMESPACE')
    .default(DEFAULT_NAMESPACE);
  return newCommand('manager', io)
    .description('run the webhook and the reconciler')
    .option(
      '--local',
      'run outside of the cluster, on 127.0.0.1: bring what is missing, register by URL',
      false,
    )
    .option(
      '--kubeconfig <file>',
      'the cluster to serve (default: KUBECONFIG, ~/.kube/config, or the one it runs in)',
    )
    .option('--webhook-port <port>', 'HTTPS, for the API server', portNumber, 9443)
    .option('--metrics-port <port>', '/metrics for Prometheus', portNumber, 8080)
    .option('--health-port <port>', '/healthz and /readyz', portNumber, 8081)
    .option(
      '--agent-image <image>',
      "the agent's image, whatever KServe's system configuration says",
      nonEmpty,
    )
    .addOption(certificateOption())
    .addOption(namespace)
    .option('--no-inject-credentials', 'read no Secret, and give agents no storage credentials')
    .option('--no-propagate', 'write to no pod; kubelets notice changed models within a minute or two')
    .addOption(
      new Option('--log-level <level>', 'least level to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addHelpText(
      'after',
      '\nPort 0 takes any free port.\n\nExample:\n  mms manager --local --kubeconfig "$KUBECONFIG"',
    )
    .action((flags: ManagerFlags) => manage(io, flags, environment['POD_NAME']));
}

function certificateOption(): Option {
  return new Option(
    '--certificate <source>',
    "who makes the webhook's certificate and writes the caBundle: the manager, or another such as cert-manager",
  )
    .choices(['self', 'external'])
    .default('self')
    .conflicts('local');
}

async function manage(io: CommandIo, flags: ManagerFlags, podName: string | undefined): Promise<void> {
  const interrupted = io.interruption();
  // Loaded here, so that `mms --help` does not wait for them.
  const { default: pino } = await import('pino');
  const { runManager } = await import('../manager/manager.ts');
  const logger = pino({ level: flags.logLevel }, io.stdout);
  const mode = flags.local ? 'local' : 'in-cluster';
  const options: ManagerOptions = {
    kubeConfig: await loadKubeConfig(flags.kubeconfig),
    userAgent: userAgent(),
    mode,
    namespace: flags.namespace,
    identity: podName ?? `${hostname()}-${randomUUID()}`,
    ports: { webhook: flags.webhookPort, metrics: flags.metricsPort, health: flags.healthPort },
    certificate: flags.certificate,
    agentImage: flags.agentImage,
    injectCredentials: flags.injectCredentials,
    propagate: flags.propagate,
    drain: DRAIN[mode],
    clock: systemClock,
    random: Math.random,
    logger,
  };
  await runManager(options, interrupted);
}

async function loadKubeConfig(file: string | undefined): Promise<KubeConfig> {
  const { KubeConfig: Config } = await import('./kube-config.ts');
  const config = new Config();
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (thrown) {
    throw new KubeconfigError(`cannot use the kubeconfig ${file ?? '(default)'}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  if (file === undefined && config.getCurrentCluster()?.server === MADE_UP_SERVER) {
    throw new KubeconfigError(
      'there is no cluster to serve: this is no pod with a service account, and neither KUBECONFIG nor ~/.kube/config ' +
        'is there; name a file with --kubeconfig, or start a cluster with: mms cluster up',
    );
  }
  if (config.getCurrentCluster() !== null) return config;
  throw new KubeconfigError(
    `the kubeconfig ${file ?? '(default)'} has no current context with a cluster; ` +
      'name another file with --kubeconfig, or start a cluster with: mms cluster up',
  );
}

function portNumber(value: string): number {
  const port = Number(value);
  if (/^\d+$/.test(value) && port <= 65535) return port;
  throw new InvalidArgumentError('It must be a port, 0 to 65535.');
}

function nonEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return value;
}
