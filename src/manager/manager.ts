import { milliseconds, seconds } from '../core/clock.ts';
import { messageOf, MmsError } from '../core/errors.ts';
import { PART_OF, WEBHOOK_CERTIFICATE_SECRET, WEBHOOK_SERVICE } from '../core/names.ts';
import type { ReadinessCheck } from '../core/readiness.ts';
import { createApiClient } from '../kube/api-client.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { startLeaderElection } from '../kube/leader-election.ts';
import { reflectorsOf } from './cluster-view.ts';
import type { ClusterView } from './cluster-view.ts';
import { startHealthServer } from './health-server.ts';
import { packagedWebhookConfiguration, prepareLocalCluster } from './local-cluster.ts';
import { createManagerMetrics } from './metrics.ts';
import type { ManagerMetrics } from './metrics.ts';
import { startMetricsServer } from './metrics-server.ts';
import type { ManagerOptions } from './options.ts';
import { createReconciling } from './reconciling.ts';
import { isServed } from './served-address.ts';
import { systemConfigSource } from './system-config-source.ts';
import { installedRegistration, localRegistration } from './webhook-registration.ts';
import type { WebhookRegistration } from './webhook-registration.ts';
import { keepCertificate, startWebhookServer } from './webhook.ts';

/** Both the webhook configuration and the lease are called so. */
const NAME = PART_OF;
const PREPARE_RETRY = seconds(2);
/** A neighbour that does not even complete a handshake in this time is not serving. */
const NEIGHBOUR_TIMEOUT = milliseconds(1000);

/**
 * Runs a manager until the signal aborts, and then ends it in order: the webhook drains, the lease is given back.
 *
 * @throws {MmsError} when it cannot start: a port is taken, the cluster refuses what a local manager has to create
 */
export async function runManager(options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { clock, kubeConfig, logger, ports, userAgent } = options;
  const host = options.mode === 'local' ? '127.0.0.1' : '0.0.0.0';
  const metrics = createManagerMetrics();
  const checks = new Map<string, ReadinessCheck>([['start', () => 'the manager is starting']]);
  const health = await startHealthServer({ host, port: ports.health, checks, logger });
  const scrape = await startMetricsServer({ host, port: ports.metrics, registry: metrics.registry, logger });
  const client = createApiClient(kubeConfig, { clock, userAgent, observe: metrics.apiRequest });
  try {
    if (options.mode === 'local') await prepared(client, options, signal);
    if (!signal.aborted) await serve({ options, host, client, metrics, checks }, signal);
  } finally {
    await Promise.all([health.stop(), scrape.stop()]);
    await client.close();
    logger.info({}, 'the manager has ended');
  }
}

/** Creates what a manager outside of the cluster needs, as often as it takes. */
async function prepared(client: ApiClient, options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, namespace } = options;
  while (!signal.aborted) {
    try {
      await prepareLocalCluster(client, namespace, options);
      return;
    } catch (thrown) {
      if (thrown instanceof MmsError && !thrown.retryable) throw thrown;
      logger.warn({ error: messageOf(thrown) }, 'the cluster could not be prepared; trying again');
      await clock.sleep(PREPARE_RETRY, signal);
    }
  }
}

interface Running {
  readonly options: ManagerOptions;
  readonly host: string;
  readonly client: ApiClient;
  readonly metrics: ManagerMetrics;
  readonly checks: Map<string, ReadinessCheck>;
}

async function serve({ options, host, client, metrics, checks }: Running, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, namespace, identity } = options;
  const systemConfig = systemConfigSource(options.agentImage, logger);
  const { view, reconciling } = watchAndReconcile({ options, client, metrics, systemConfig });
  const names = webhookNames(options);
  const server = await startWebhookServer({
    ...{ host, port: options.ports.webhook, drain: options.drain, names, clock, logger, metrics },
    handlers: new Map([[MUTATE_PODS_PATH, podWebhook({ client, view, systemConfig, metrics, options })]]),
  });
  const registration = await registrationFor(options, client, server.port);
  const election = startLeaderElection({
    ...{ client, namespace, name: NAME, identity, clock, random, logger },
    onStartedLeading: (leading) => {
      metrics.leading(true);
      certificate.poke();
      void reconciling.lead(leading);
    },
    onStoppedLeading: () => metrics.leading(false),
  });
  const background = new AbortController();
  const certificate = keepCertificate({
    ...{ client, registration, names, clock, random, logger, signal: background.signal },
    secret: { namespace, name: WEBHOOK_CERTIFICATE_SECRET },
    isLeader: election.isLeader,
    serve: server.setCertificate,
  });
}
