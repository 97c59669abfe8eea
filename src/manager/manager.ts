import { aborted } from '../core/abort.ts';
import { seconds } from '../core/clock.ts';
import { messageOf, MmsError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import {
  MUTATE_PODS_PATH,
  PART_OF,
  VALIDATE_TRAINED_MODELS_PATH,
  WEBHOOK_CERTIFICATE_SECRET,
  WEBHOOK_SERVICE,
} from '../core/names.ts';
import type { ReadinessCheck } from '../core/readiness.ts';
import { createApiClient } from '../kube/api-client.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { startLeaderElection } from '../kube/leader-election.ts';
import { announceReadiness } from './announce-readiness.ts';
import type { AnyReflector } from './cluster-view.ts';
import { decisiveReflectors, missingFrom, reflectorsOf, toEach, watchCluster } from './cluster-view.ts';
import type { ClusterListeners, ClusterView } from './cluster-view.ts';
import { startHealthServer } from './health-server.ts';
import { claimKServeLease } from './kserve-lease.ts';
import type { KServeLease } from './kserve-lease.ts';
import type { PlainServer } from './health-server.ts';
import { prepareLocalCluster } from './local-cluster.ts';
import { createManagerMetrics } from './metrics.ts';
import type { ManagerMetrics } from './metrics.ts';
import { startMetricsServer } from './metrics-server.ts';
import { createModelConfigController } from './model-config-controller.ts';
import { refuseBesideKServe } from './kserve-controllers.ts';
import type { KServeAbsence } from './kserve-controllers.ts';
import type { ModelConfigController } from './model-config-controller.ts';
import type { ManagerOptions } from './options.ts';
import { startPageServer } from './page-server.ts';
import { predictorsFor } from './predictors-for.ts';
import { podWebhook } from './pod-webhook.ts';
import { createPropagationController, NO_PROPAGATION } from './propagation-controller.ts';
import type { PropagationController } from './propagation-controller.ts';
import { createReconciling, MODEL_CONFIG_PACE } from './reconciling.ts';
import { registrationFor } from './registrations.ts';
import { systemConfigSource } from './system-config-source.ts';
import type { SystemConfigSource } from './system-config-source.ts';
import { trainedModelStatusFor } from './trained-model-status.ts';
import type { TrainedModelStatusController } from './trained-model-status.ts';
import { trainedModelWebhook } from './trained-model-webhook.ts';
import type { WebhookRegistration } from './webhook-registration.ts';
import { keepCertificate, startWebhookServer } from './webhook.ts';

const PREPARE_RETRY = seconds(2);

/**
 * Shorter than client-go's, so that a replica that dies is replaced in ten seconds or so: at worst the others notice the
 * last renewal one try late, wait for the whole lease, and take it one try later.
 */
const LEASE = { lease: seconds(8), renewDeadline: seconds(5), retryPeriod: seconds(1) };

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
  const servers: PlainServer[] = [];
  const client = createApiClient(kubeConfig, { clock, userAgent, observe: metrics.apiRequest });
  try {
    const health = await startHealthServer({ host, port: ports.health, checks, clock, logger });
    servers.push(health);
    const { registry } = metrics;
    const numbers = await startMetricsServer({ host, port: ports.metrics, registry, clock, logger });
    servers.push(numbers);
    const plainPorts = { health: health.port, metrics: numbers.port };
    const kserveAbsence = options.predictors
      ? await refuseBesideKServe({ ...options, client }, signal)
      : undefined;
    if (options.mode === 'local') await prepared(client, options, signal);
    const kserveLease =
      options.kserve === 'takeover' ? await claimKServeLease({ ...options, client }, signal) : undefined;
    const running = { options, host, client, metrics, checks, kserveAbsence, kserveLease, plainPorts };
    if (!signal.aborted) await serve(running, signal);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
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
  /** With `--predictors` only. */
  readonly kserveAbsence: KServeAbsence | undefined;
  /** Where its plain servers listen. */
  readonly plainPorts: { readonly health: number; readonly metrics: number };
  /** In takeover only. */
  readonly kserveLease: KServeLease | undefined;
}

/** The webhook's certificate; the watch may tell of it before anybody looks after it, who then looks at once anyway. */
interface CertificateNews {
  changed: () => void;
}

async function serve(running: Running, signal: AbortSignal): Promise<void> {
  const { options, client, metrics, kserveLease } = running;
  const { clock, random, logger, namespace } = options;
  const secret = { namespace, name: WEBHOOK_CERTIFICATE_SECRET };
  const systemConfig = systemConfigSource(options.agentImage, logger);
  const controller = createModelConfigController({
    ...{ client, clock, logger },
    observe: (key, plan) => [metrics, statuses].forEach((each) => each.planned(key, plan)),
    ...{ observeWrite: metrics.configMapWritten, observeLag: metrics.cacheLag },
    enqueue: (key) => reconciling.enqueue(key),
    kserve: options.kserve,
  });
  const propagation = propagationFor(options, client, metrics, () => view);
  const statuses = trainedModelStatusFor({ options, client, observe: metrics.status, view: () => view });
  const certificate: CertificateNews = { changed: () => undefined };
  const view: ClusterView = watchCluster({
    ...{ client, clock, random, logger, observe: metrics.reflector, certificateSecret: secret },
    listeners: {
      ...listenersOf(controller, propagation, statuses, (delta) => predictors.inferenceServiceChanged(delta)),
      systemConfig: systemConfig.changed,
      certificate: () => certificate.changed(),
    },
  });
  const predictors = predictorsFor(options, running, view.inferenceServices);
  metrics.observeCaches(new Map([...reflectorsOf(view), ...predictors.reflectors]), clock);
  const reconciling = createReconciling({
    ...{ caches: decisiveReflectors(view), clock, random, logger, observe: metrics.workQueue },
    pace: MODEL_CONFIG_PACE,
    allKeys: () => controller.allKeys(view),
    process: (key) => controller.reconcile(key, view),
  });
  const lead = async (leading: AbortSignal): Promise<void> => {
    const decide = async (holding: AbortSignal): Promise<void> => {
      await Promise.all([reconciling.lead(holding), statuses.lead(holding)]);
    };
    await Promise.all([
      kserveLease?.whileHeld(leading, decide) ?? decide(leading),
      propagation.lead(leading),
      predictors.lead(leading),
    ]);
  };
  const { page: port } = options.ports;
  let page: PlainServer | undefined;
  try {
    if (port !== undefined) page = await startPageServer({ port, view, clock, logger });
    const needed = [...decisiveReflectors(view), ...predictors.needed];
    await admit({ ...running, view, needed, systemConfig, secret, certificate, lead }, signal);
  } finally {
    await page?.stop();
    const reflectors = [...reflectorsOf(view).values(), ...predictors.reflectors.values()];
    await Promise.all(reflectors.map((reflector) => reflector.stop()));
  }
}

interface Admitting extends Running {
  readonly view: ClusterView;
  /** What must be known before this replica is ready. */
  readonly needed: readonly AnyReflector[];
  readonly systemConfig: SystemConfigSource;
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly certificate: CertificateNews;
  readonly lead: (signal: AbortSignal) => Promise<void>;
}

/** Serves the webhook and competes for the lead until the signal aborts, and ends both in order. */
async function admit(admitting: Admitting, signal: AbortSignal): Promise<void> {
  const { options, host, client, metrics, checks, view, systemConfig, secret } = admitting;
  const { clock, random, logger, namespace, identity } = options;
  const names = webhookNames(options);
  const server = await startWebhookServer({
    ...{ host, port: options.ports.webhook, drain: options.drain, names, clock, logger, metrics, signal },
    clientAuthorityFile: options.clientAuthorityFile,
    handlers: new Map([
      [MUTATE_PODS_PATH, podWebhook({ client, view, systemConfig, metrics, options })],
      [VALIDATE_TRAINED_MODELS_PATH, trainedModelWebhook({ client, view, options })],
    ]),
  });
  const registration = await registrationFor(options, client, server.port);
  const election = startLeaderElection({
    ...{ client, namespace, name: PART_OF, identity, clock, random, logger, durations: LEASE },
    onStartedLeading: (leading) => {
      metrics.leading(true);
      certificate.poke();
      return admitting.lead(leading);
    },
    onStoppedLeading: () => metrics.leading(false),
  });
  const background = new AbortController();
  const certificate = keepCertificate({
    ...{ client, registration, names, clock, random, logger, metrics, secret, signal: background.signal },
    source: options.certificate,
    isLeader: election.isLeader,
    serve: server.setCertificate,
  });
  admitting.certificate.changed = certificate.poke;
  checks.set('caches', () => missingFrom(admitting.needed)).set('certificate', certificate.readiness);
  checks.set('webhook', server.readiness).delete('start');
  const announced =
    options.mode === 'local'
      ? announceReadiness(checks, { ...admitting.plainPorts, webhook: server.port }, options, signal)
      : undefined;

  await aborted(signal);
  await announced;
  logger.info({}, 'ending: the webhook drains, the lease is given back');
  await Promise.all([withdraw(registration, logger).then(() => server.stop()), election.stop()]);
  background.abort();
  await certificate.finished;
}

/** Who is told of what changes, in this order. */
function listenersOf(
  controller: ModelConfigController,
  propagation: PropagationController,
  statuses: TrainedModelStatusController,
  predictors: ClusterListeners['inferenceService'],
): Omit<ClusterListeners, 'systemConfig' | 'certificate'> {
  const [configs, pods, status] = [controller.listeners, propagation.listeners, statuses.listeners];
  return {
    inferenceService: toEach(configs.inferenceService, status.inferenceService, predictors),
    trainedModel: toEach(configs.trainedModel, status.trainedModel),
    modelConfig: toEach(configs.modelConfig, pods.modelConfig),
    pod: toEach(pods.pod, status.pod),
  };
}

function propagationFor(
  { propagate, clock, random, logger }: ManagerOptions,
  client: ApiClient,
  metrics: ManagerMetrics,
  view: () => ClusterView,
): PropagationController {
  if (!propagate) return NO_PROPAGATION;
  const { propagated: observe, propagationQueue: observeQueue } = metrics;
  return createPropagationController({ client, clock, random, logger, view, observe, observeQueue });
}

/** What the API server calls the webhook by, and so what the certificate must be made out to. */
function webhookNames({ mode, namespace }: ManagerOptions): readonly string[] {
  if (mode === 'local') return ['127.0.0.1', 'localhost'];
  // The API server calls a Service by this one name: k8s.io/apiserver, pkg/util/webhook/client.go.
  return [`${WEBHOOK_SERVICE}.${namespace}.svc`];
}

/** A webhook that nobody serves any more would turn away every pod. */
async function withdraw(registration: WebhookRegistration, logger: Logger): Promise<void> {
  try {
    await registration.withdraw();
  } catch (thrown) {
    logger.warn(
      { error: messageOf(thrown) },
      'the webhook could not be taken back; the next manager will take it over',
    );
  }
}
