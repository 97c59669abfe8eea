import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { KubeConfig } from '@kubernetes/client-node';
import { seconds } from '../lib/clock.ts';
import { portIsFree } from '../development/controlplane/ports.ts';
import type { ManagerOptions } from '../manager/options.ts';
import { KubeconfigError, loadKubeConfig } from './cluster-connection.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { MANAGER_SETTINGS, ManagerSettingsError, readManagerSettings } from './manager-settings.ts';
import type { ManagerSettings } from './manager-settings.ts';
import { withFreePorts } from './local-ports.ts';
import { isGiven, optionsOf } from './settings.ts';
import { systemClock } from '../lib/system-clock.ts';
import { userAgent } from './version.ts';

/** The endpoints of a Service follow a pod's readiness within seconds; a neighbour on this machine at once. */
const DRAIN = { 'in-cluster': seconds(15), local: seconds(1) };

/** `mms manager`: webhook and reconciler. */
export function managerCommand(io: CommandIo): Command {
  const command = newCommand('manager', io)
    .description('run the webhook and the reconciler')
    .option(
      '--kubeconfig <file>',
      'the cluster to serve (default: KUBECONFIG, ~/.kube/config, or the one it runs in)',
    );
  for (const option of optionsOf(MANAGER_SETTINGS)) command.addOption(option);
  return command
    .addHelpText(
      'after',
      '\nA switch can be turned off: --no-propagate, --propagate false, or MMS_PROPAGATE=false. Port 0 takes any free port. With --local so\ndoes a default that is taken; the line "the manager is ready" in the log names the ports.' +
        '\n\nExample:\n  mms manager --local --kubeconfig "$KUBECONFIG"',
    )
    .action((flags: Readonly<Record<string, unknown>>) => manage(io, flags));
}

async function manage(io: CommandIo, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const interrupted = io.interruption();
  const { settings: wanted, kubeConfig } = await givenSettings(io, flags);
  const isAsked = (name: keyof typeof MANAGER_SETTINGS): boolean =>
    isGiven(name, MANAGER_SETTINGS[name], flags, io.environment);
  const settings = wanted.local ? await withFreePorts(wanted, isAsked, portIsFree) : wanted;
  // Loaded here, so that `mms --help` does not wait for them.
  const { processLog } = await import('./process-log.ts');
  const { runManager } = await import('../manager/manager.ts');
  const { drainSeconds, identity } = settings;
  const mode = settings.local ? 'local' : 'in-cluster';
  const options: ManagerOptions = {
    kubeConfig,
    userAgent: userAgent(),
    mode,
    namespace: settings.namespace,
    identity: identity ?? `${hostname()}-${randomUUID()}`,
    ports: {
      ...{ webhook: settings.webhookPort, metrics: settings.metricsPort, health: settings.healthPort },
      page: settings.pagePort,
    },
    certificate: settings.certificate,
    clientAuthorityFile: settings.webhookClientCa,
    agentImage: settings.agentImage,
    kserve: settings.kserve,
    injectCredentials: settings.injectCredentials,
    allowMemoryChanges: settings.allowMemoryChanges,
    trainedModelStatus: settings.trainedModelStatus,
    propagate: settings.propagate,
    predictors: settings.predictors,
    drain: drainSeconds === undefined ? DRAIN[mode] : seconds(drainSeconds),
    clock: systemClock,
    random: Math.random,
    logger: await processLog({ ...io, component: 'manager', level: settings.logLevel }),
  };
  await runManager(options, interrupted);
}

/** Flags, environment and kubeconfig. Throws ManagerSettingsError with all that is wrong with any of them. */
async function givenSettings(
  { environment }: CommandIo,
  flags: Readonly<Record<string, unknown>>,
): Promise<{ readonly settings: ManagerSettings; readonly kubeConfig: KubeConfig }> {
  const { values: settings, faults } = readManagerSettings(flags, environment);
  const { kubeconfig } = flags;
  try {
    const kubeConfig = await loadKubeConfig(typeof kubeconfig === 'string' ? kubeconfig : undefined);
    if (faults.length === 0) return { settings, kubeConfig };
  } catch (thrown) {
    if (!(thrown instanceof KubeconfigError)) throw thrown;
    throw new ManagerSettingsError([...faults, thrown.message]);
  }
  throw new ManagerSettingsError(faults);
}
