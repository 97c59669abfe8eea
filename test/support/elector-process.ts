import { KubeConfig } from '@kubernetes/client-node';
import { createApiClient } from '../../src/kube/api-client.ts';
import { startLeaderElection } from '../../src/kube/leader-election.ts';
import type { Logger } from '../../src/lib/log.ts';
import { systemClock } from '../../src/lib/system-clock.ts';
import { SHORT_DURATIONS } from './short-durations.ts';

/**
 * Competes for a lease until killed, and prints `leading` each time it wins: node elector-process.ts KUBECONFIG NAME
 * IDENTITY
 */
const [, , kubeconfig = '', name = '', identity = ''] = process.argv;
const kubeConfig = new KubeConfig();
kubeConfig.loadFromFile(kubeconfig);
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
startLeaderElection({
  client: createApiClient(kubeConfig, { clock: systemClock, userAgent: 'kserve-mms/test' }),
  namespace: 'default',
  name,
  identity,
  clock: systemClock,
  random: Math.random,
  logger: silent,
  durations: SHORT_DURATIONS,
  onStartedLeading: () => void process.stdout.write('leading\n'),
  onStoppedLeading: () => undefined,
});
