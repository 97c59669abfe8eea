import { systemConfigSource } from '../admission/system-config-source.ts';
import { podWebhook } from '../admission/pod-webhook.ts';
import type { AdmissionHandler } from '../admission/review-endpoint.ts';
import { trainedModelWebhook } from '../admission/trained-model-webhook.ts';
import type { WebhookRegistration } from '../certificates/webhook-registration.ts';
import {
  MUTATE_PODS_PATH,
  PART_OF,
  VALIDATE_TRAINED_MODELS_PATH,
  WEBHOOK_CERTIFICATE_SECRET,
  WEBHOOK_SERVICE,
} from '../contract/names.ts';
import { precedenceIn } from '../contract/model-config-plan.ts';
import type { Controller } from '../controllers/controller.ts';
import { createModelConfigController } from '../controllers/models/model-config-controller.ts';
import { createPredictorController } from '../controllers/predictors/predictor-controller.ts';
import type { PredictorController } from '../controllers/predictors/predictor-controller.ts';
import { createPropagationController } from '../controllers/propagation/propagation-controller.ts';
import { createReplacementController } from '../controllers/replacements/replacement-controller.ts';
import { createTrainedModelStatus } from '../controllers/status/trained-model-status-controller.ts';
import { refuseBesideKServe } from '../controllers/takeover/kserve-controllers.ts';
import type { KServeAbsence } from '../controllers/takeover/kserve-controllers.ts';
import { claimKServeLease } from '../controllers/takeover/kserve-lease.ts';
import type { KServeLease } from '../controllers/takeover/kserve-lease.ts';
import { createApiClient } from '../kube/api-client.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { decisiveReflectors, missingFrom, reflectorsOf, watchCluster } from '../kube/cluster-view.ts';
import type { AnyReflector, ClusterView } from '../kube/cluster-view.ts';
import { startLeaderElection } from '../kube/leader-election.ts';
import { aborted } from '../lib/abort.ts';
import { seconds } from '../lib/clock.ts';
import { messageOf, MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { PlainServer } from '../lib/plain-server.ts';
import type { ReadinessCheck } from '../lib/readiness.ts';
import { startPageServer } from '../page/page-server.ts';
import { announceReadiness } from './announce-readiness.ts';
import { startHealthServer } from './health-server.ts';
import { prepareLocalCluster } from './local-cluster.ts';
import { createManagerMetrics } from './metrics.ts';
import type { ManagerMetrics } from './metrics.ts';
import { startMetricsServer } from './metrics-server.ts';
import type { ManagerOptions } from './options.ts';
import { registrationFor } from './registrations.ts';
import { ALWAYS_ON, webhookSwitch } from './webhook-switch.ts';
import type { WebhookSwitch } from './webhook-switch.ts';
import { keepCertificate, startWebhookServer } from './webhook.ts';

const PREPARE_RETRY = seconds(2);

/**
 * Shorter than client-go's, so that a replica that dies is replaced within about ten seconds. At worst the others
 * notice the last renewal one try late, wait for the whole lease, and acquire it one try later.
 */
const LEASE = { lease: seconds(8), renewDeadline: seconds(5), retryPeriod: seconds(1) };

/**
 * Runs a manager until the signal aborts, and then shuts down in order: the webhook drains, then the lease is released.
 * @throws {MmsError} when it cannot start: a port is in use, or the cluster refuses what a local manager must create
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

/** Creates what a manager outside the cluster needs, with retries. */
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
  /** The ports of its plain HTTP servers. */
  readonly plainPorts: { readonly health: number; readonly metrics: number };
  /** In takeover only. */
  readonly kserveLease: KServeLease | undefined;
}

async function serve(running: Running, signal: AbortSignal): Promise<void> {
  const { options, client, metrics } = running;
  const { clock, random, logger, namespace } = options;
  const { page: port } = options.ports;
  const certificateSecret = { namespace, name: WEBHOOK_CERTIFICATE_SECRET };
  const view = watchCluster({
    ...{ client, clock, random, logger, certificateSecret, makesPods: options.predictors },
    observe: metrics.reflector,
  });
  const controllers = createControllers(running, view);
  const { predictors } = controllers;
  const reflectors = new Map([...reflectorsOf(view), ...(predictors?.reflectors ?? [])]);
  metrics.observeCaches(reflectors, clock);
  let page: PlainServer | undefined;
  try {
    if (port !== undefined) {
      const first = precedenceIn(options.kserve);
      page = await startPageServer({ port, view, client, first, clock, logger });
    }
    const needed = [...decisiveReflectors(view), ...(predictors?.needed ?? [])];
    const lead = leadAll(controllers, running.kserveLease);
    await admit({ ...running, view, needed, secret: certificateSecret, lead }, signal);
  } finally {
    await page?.stop();
    await Promise.all([...reflectors.values()].map((reflector) => reflector.stop()));
  }
}

/** The controllers of this manager; undefined for those that are off. */
interface Controllers {
  readonly models: Controller;
  readonly status: Controller | undefined;
  readonly propagation: Controller | undefined;
  readonly replacements: Controller;
  readonly predictors: PredictorController | undefined;
}

/** Each subscribes to the watches itself. They receive a change in the order of their construction here. */
function createControllers(running: Running, view: ClusterView): Controllers {
  const { options, client, metrics, kserveAbsence } = running;
  const { clock, random, logger, identity, kserve, propagate, trainedModelStatus: scope } = options;
  const shared = { client, view, clock, random, logger };
  const models = createModelConfigController({
    ...{ ...shared, kserve, observeQueue: metrics.workQueue },
    ...{ observeWrite: metrics.configMapWritten, observeLag: metrics.cacheLag },
  });
  models.onPlan(metrics.planned);
  const propagation = propagate
    ? createPropagationController({
        ...{ ...shared, observe: metrics.propagated, observeQueue: metrics.propagationQueue },
      })
    : undefined;
  const status =
    scope === 'off'
      ? undefined
      : createTrainedModelStatus({
          ...{ ...shared, identity, scope, onPlan: models.onPlan, observe: metrics.status },
        });
  const replacements = createReplacementController(shared);
  const { inferenceServices } = view;
  const predictors =
    kserveAbsence &&
    createPredictorController({
      ...{ client, clock, random, logger, inferenceServices, kserveAbsence, observe: metrics },
    });
  return { models, propagation, replacements, status, predictors };
}

/** In takeover, models and their status are decided only while KServe's Lease is held. */
function leadAll(
  { models, status, propagation, replacements, predictors }: Controllers,
  kserveLease: KServeLease | undefined,
): Admitting['lead'] {
  const decide = async (holding: AbortSignal): Promise<void> => {
    await Promise.all([models.lead(holding), status?.lead(holding)]);
  };
  return async (leading, webhooks) => {
    await Promise.all([
      kserveLease?.whileHeld(leading, decide) ?? decide(leading),
      propagation?.lead(leading),
      replacements.lead(leading),
      webhooks.lead(leading),
      // Pods created before the webhook is called would have no agent.
      webhooks.untilOn(leading).then(() => predictors?.lead(leading)),
    ]);
  };
}

interface Admitting extends Running {
  readonly view: ClusterView;
  /** The caches that must sync before this replica is ready. */
  readonly needed: readonly AnyReflector[];
  readonly secret: { readonly namespace: string; readonly name: string };
  readonly lead: (signal: AbortSignal, webhooks: WebhookSwitch) => Promise<void>;
}

/** Serves the webhook and takes part in the leader election until the signal aborts, then ends both in order. */
async function admit(admitting: Admitting, signal: AbortSignal): Promise<void> {
  const { options, host, client, metrics, checks, view, secret } = admitting;
  const { clock, random, logger, namespace, identity } = options;
  const names = webhookNames(options);
  const server = await startWebhookServer({
    ...{ host, port: options.ports.webhook, drain: options.drain, names, clock, logger, metrics, signal },
    ...{ client, secret },
    clientAuthorityFile: options.clientAuthorityFile,
    handlers: webhookHandlers(options, client, view, metrics),
  });
  const registration = registrationFor(options, client, {
    ...{ port: server.port, isLeader: () => election.isLeader() },
  });
  const webhooks = switchFor(admitting);
  const election = startLeaderElection({
    ...{ client, namespace, name: PART_OF, identity, clock, random, logger, durations: LEASE },
    onStartedLeading: (leading) => {
      metrics.leading(true);
      certificate.trigger();
      return admitting.lead(leading, webhooks);
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
  view.certificate.subscribe(certificate.trigger);
  checks.set('caches', () => missingFrom(admitting.needed)).set('certificate', certificate.readiness);
  checks.set('webhook', server.readiness).delete('start');
  const announced =
    options.mode === 'local'
      ? announceReadiness(checks, { ...admitting.plainPorts, webhook: server.port }, options, signal)
      : undefined;

  await aborted(signal);
  await announced;
  logger.info({}, 'ending: the webhook drains, the lease is given back');
  await Promise.all([
    Promise.all([withdraw(registration, logger), webhooks.end()]).then(() => server.stop()),
    election.stop(),
  ]);
  background.abort();
  await certificate.finished;
}

/** A manager outside the cluster registers itself, and is called from then on. */
function switchFor({ options, client, checks }: Admitting): WebhookSwitch {
  if (options.mode === 'local') return ALWAYS_ON;
  return webhookSwitch({
    ...options,
    client,
    readiness: () => [...checks.values()].map((check) => check()).find((missing) => missing !== undefined),
    wantsClientCertificate: options.clientAuthorityFile !== undefined,
  });
}

function webhookHandlers(
  options: ManagerOptions,
  client: ApiClient,
  view: ClusterView,
  { injection: observe }: ManagerMetrics,
): ReadonlyMap<string, AdmissionHandler> {
  const { clock, logger, injectCredentials, allowMemoryChanges, kserve } = options;
  const systemConfig = systemConfigSource(view, options, logger);
  const callerIsKnown = options.clientAuthorityFile !== undefined;
  const shared = { client, view, callerIsKnown, logger };
  return new Map([
    [MUTATE_PODS_PATH, podWebhook({ ...shared, systemConfig, injectCredentials, clock, observe })],
    [
      VALIDATE_TRAINED_MODELS_PATH,
      trainedModelWebhook({ ...shared, systemConfig, allowMemoryChanges, kserve }),
    ],
  ]);
}

/** The names that API servers use for the webhook, and that the certificate must contain. */
function webhookNames({ mode, namespace }: ManagerOptions): readonly string[] {
  if (mode === 'local') return ['127.0.0.1', 'localhost'];
  // The API server calls a Service by this one name: k8s.io/apiserver, pkg/util/webhook/client.go.
  return [`${WEBHOOK_SERVICE}.${namespace}.svc`];
}

/** A webhook that is registered and not served causes every pod to be refused. */
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
