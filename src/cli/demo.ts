import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { ControlPlane } from '../development/controlplane/control-plane.ts';
import type { ManagerProcess } from '../development/demo/manager-process.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { binaryOptions, cacheDirectory } from './binary-options.ts';
import { aborted } from '../lib/abort.ts';
import { commandName } from './command-name.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { systemClock } from '../lib/system-clock.ts';
import { userAgent } from './version.ts';
import { packageFile } from '../lib/package-files.ts';

interface DemoOptions {
  readonly keep: boolean;
}

/** What the demo plays on. */
interface Stage {
  readonly controlPlane: ControlPlane;
  readonly manager: ManagerProcess;
  /** A directory for logs and whatever else lies around. */
  readonly logs: string;
}

const LAUNCHER = fileURLToPath(packageFile('bin/mms.js'));

/** `mms demo`: the whole system at work on a real API server, in one go. */
export function demoCommand(io: CommandIo): Command {
  return newCommand('demo', io)
    .description('show the whole system at work on a real kube-apiserver of its own')
    .option('--keep', 'leave control plane and manager running until Ctrl-C', false)
    .addHelpText('after', '\nExit code 0 only when all that is shown held.')
    .action((options: DemoOptions) => demo(io, options));
}

async function demo(io: CommandIo, { keep }: DemoOptions): Promise<void> {
  const interrupted = io.interruption();
  const say = (line: string): void => void io.stdout.write(`${line}\n`);
  const stage = await start(io, say, interrupted);
  if (stage === undefined) return;
  const { controlPlane, manager, logs } = stage;
  try {
    if (interrupted.aborted) return;
    const serves = await play(io, say, { controlPlane, manager, logs });
    say('');
    say('All of it held.');
    if (keep) {
      const ending = (): void => say('Interrupted: ending and removing everything …');
      interrupted.addEventListener('abort', ending, { once: true });
      if (serves) await stay(io, say, stage, interrupted);
      else await stayIdle(say, controlPlane, interrupted);
    }
    // Kept when something did not hold.
    await rm(logs, { recursive: true, force: true });
  } finally {
    await manager.stop();
    await controlPlane.stop();
  }
}

/** Undefined when it was interrupted before. */
async function start(
  io: CommandIo,
  say: (line: string) => void,
  interrupted: AbortSignal,
): Promise<Stage | undefined> {
  const { findBinaries } = await import('../development/controlplane/binaries.ts');
  const { startControlPlane } = await import('../development/controlplane/control-plane.ts');
  const { freePorts } = await import('../development/controlplane/ports.ts');
  const { startManagerProcess } = await import('../development/demo/manager-process.ts');
  const binaries = await findBinaries(
    binaryOptions(io.environment, (line) => void io.stderr.write(`${line}\n`)),
  );
  const controlPlane = await startControlPlane({ binaries });
  try {
    say(`A real kube-apiserver runs at ${controlPlane.server} (${binaries.source}).`);
    const [webhook = 0, metrics = 0, health = 0] = await freePorts(3);
    const logs = await mkdtemp(join(tmpdir(), 'kserve-mms-demo-'));
    const logFile = join(logs, 'manager.log');
    if (interrupted.aborted) {
      await controlPlane.stop();
      await rm(logs, { recursive: true, force: true });
      return undefined;
    }
    const manager = await startManagerProcess({
      ...{ launcher: LAUNCHER, kubeconfig: controlPlane.kubeconfigPath, logFile, clock: systemClock },
      ports: { webhook, metrics, health },
    });
    say(`The manager is ready: caches synced, webhook registered, certificate served. Its log: ${logFile}`);
    return { controlPlane, manager, logs };
  } catch (thrown) {
    await controlPlane.stop();
    throw thrown;
  }
}

/** Whether models could be served, too. */
async function play(
  io: CommandIo,
  say: (line: string) => void,
  { controlPlane, manager, logs }: Stage,
): Promise<boolean> {
  const { KubeConfig } = await import('./kube-config.ts');
  const { createApiClient } = await import('../kube/api-client.ts');
  const { runDemo } = await import('../development/demo/run-demo.ts');
  const { configMapWrites } = await import('../development/demo/manager-metrics.ts');
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(controlPlane.kubeconfigPath);
  const client = createApiClient(kubeConfig, { clock: systemClock, userAgent: userAgent() });
  try {
    await runDemo({
      client,
      clock: systemClock,
      say,
      configMapWrites: () => configMapWrites(manager.metricsUrl),
    });
    return await serve(io, say, client, logs);
  } finally {
    await client.close();
  }
}

/** The second half needs Python for the model server; without it the first half stands for itself. */
async function serve(
  io: CommandIo,
  say: (line: string) => void,
  client: ApiClient,
  directory: string,
): Promise<boolean> {
  const { mlserverEnvironment } = await import('../development/demo/mlserver-environment.ts');
  const { showServing } = await import('../development/demo/show-serving.ts');
  const { default: pino } = await import('pino');
  const { environment } = io;
  const progress = (line: string): void => void io.stderr.write(`${line}\n`);
  const mlserver = await mlserverEnvironment({ cache: cacheDirectory(environment), environment, progress });
  if (mlserver.kind === 'unavailable') {
    say('');
    say(
      '7. Serving models for real is left out: MLServer could not be installed, which takes Python 3 and pip',
    );
    say(`   ${mlserver.reason.split('\n')[0] ?? ''}`);
    return false;
  }
  await showServing({
    ...{ client, clock: systemClock, random: Math.random, say, environment, directory, launcher: LAUNCHER },
    ...{ python: mlserver.python, mlserver: mlserver.mlserver },
    logger: pino({ level: 'silent' }),
  });
  return true;
}

/** Leaves models that answer; what was shown is put away first, since each InferenceService would get a predictor. */
async function stay(
  io: CommandIo,
  say: (line: string) => void,
  { controlPlane, manager, logs }: Stage,
  interrupted: AbortSignal,
): Promise<void> {
  const { serveModels } = await import('./cluster/serve-models.ts');
  const { askerOf } = await import('../development/controlplane/api-request.ts');
  const { endNamespaces } = await import('../development/controlplane/end-namespaces.ts');
  say('');
  say('It keeps running, with models that answer; the objects of the demo are removed.');
  const ask = await askerOf(controlPlane.directory, controlPlane.server);
  for (const name of ['mms-example', 'mms-serving']) await ask('DELETE', `/api/v1/namespaces/${name}`);
  await endNamespaces(ask);
  await manager.stop();
  const { kubeconfigPath: kubeconfig } = controlPlane;
  const ready = (page: string): Promise<void> => {
    say(`The page is at ${page}. In another terminal:`);
    say(`  export KUBECONFIG=${kubeconfig}`);
    say('  kubectl get inferenceservices,trainedmodels,pods');
    say(`  ${commandName(io.environment)} status --models`);
    say('Ctrl-C ends it and removes everything.');
    return Promise.resolve();
  };
  const directory = join(logs, 'kept');
  await serveModels(io, { directory, launcher: LAUNCHER, kubeconfig }, { say, ready }, interrupted);
}

async function stayIdle(
  say: (line: string) => void,
  controlPlane: ControlPlane,
  interrupted: AbortSignal,
): Promise<void> {
  say('');
  say('It keeps running; in another terminal:');
  say(`  export KUBECONFIG=${controlPlane.kubeconfigPath}`);
  say('  kubectl -n mms-example get trainedmodels,configmaps,pods');
  say('Ctrl-C ends it and removes everything.');
  await aborted(interrupted);
}
