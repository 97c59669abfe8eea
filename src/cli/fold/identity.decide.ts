import { isRecord, recordOf, textMapIn } from '../../lib/json.ts';
import { compareText } from '../../lib/compare-text.ts';
import { IMPLEMENTATION_FIELDS } from '../../contract/inference-service.ts';
import { DEPLOYMENT_MODE_ANNOTATION } from '../../contract/names.ts';
import type { Candidate } from './candidate.decide.ts';

/**
 * The facets in which InferenceServices must be equal to share pods, in the order in which differences are reported.
 */
const FACETS = [
  'namespace',
  'deployment mode',
  'format',
  'protocol',
  'runtime',
  'service account',
  'node selector',
  'tolerations',
  'affinity',
  'GPU',
  'image',
  'environment',
  'arguments',
  'container',
  'pod',
  'logger',
  'batcher',
  'annotations',
] as const;

type Facet = (typeof FACETS)[number];

/** The value of each facet as text, equal for equal meanings. */
export type Identity = Readonly<Record<Facet, string>>;

/** Fields of a predictor that have facets of their own, or may differ. */
const APART: ReadonlySet<string> = new Set([
  ...IMPLEMENTATION_FIELDS,
  ...[
    'serviceAccountName',
    'nodeSelector',
    'tolerations',
    'affinity',
    'logger',
    'batcher',
    'annotations',
    'labels',
  ],
  ...['minReplicas', 'maxReplicas', 'scaleTarget', 'scaleMetric', 'scaleMetricType', 'autoScaling'],
]);
/** The same for a container. */
const CONTAINER_APART: ReadonlySet<string> = new Set([
  'image',
  'env',
  'args',
  'command',
  'resources',
  'name',
]);

/** Prefixes of labels and annotations that change what pods do, or who reaches them. All others are for people. */
const MEANINGFUL =
  /^(serving\.kserve\.io|internal\.serving\.kserve\.io|networking\.kserve\.io|networking\.knative\.dev|sidecar\.istio\.io|proxy\.istio\.io|traffic\.sidecar\.istio\.io|([a-z-]+\.)?linkerd\.io|vault\.hashicorp\.com|prometheus\.io|prometheus\.kserve\.io|iam\.amazonaws\.com)\//;

/** An InferenceService without its name, its model, and its resource amounts. */
export function identityOf({
  namespace,
  mode,
  request,
  protocol,
  server,
  service,
  predictor,
}: Candidate): Identity {
  const { overrides = {}, format, runtimeVersion } = request ?? {};
  const named = { ...service.metadata.labels, ...service.metadata.annotations };
  const ofPredictor = { ...textMapIn(predictor['labels']), ...textMapIn(predictor['annotations']) };
  const meaningful = Object.entries({ ...named, ...ofPredictor }).filter(
    ([key]) => MEANINGFUL.test(key) && key !== DEPLOYMENT_MODE_ANNOTATION,
  );
  return {
    namespace,
    'deployment mode': mode,
    format: canonical([format?.name, format?.version]),
    protocol,
    runtime: server.runtime ?? '',
    'service account': textOr(predictor['serviceAccountName'], 'default'),
    'node selector': canonical(predictor['nodeSelector']),
    tolerations: canonical(predictor['tolerations']),
    affinity: canonical(predictor['affinity']),
    GPU: canonical(devicesIn(overrides['resources'])),
    image: canonical([overrides['image'], runtimeVersion]),
    environment: canonical(overrides['env']),
    arguments: canonical([overrides['command'], overrides['args']]),
    container: canonical(without(overrides, CONTAINER_APART)),
    pod: canonical(without(predictor, APART)),
    logger: canonical(predictor['logger']),
    batcher: canonical(predictor['batcher']),
    annotations: canonical(Object.fromEntries(meaningful)),
  };
}

/** The text of an identity, equal for those that can share pods. */
export function identityKey(identity: Identity): string {
  return JSON.stringify(FACETS.map((facet) => identity[facet]));
}

/** The facets in which two differ, in the order of {@link FACETS}. */
export function differences(a: Identity, b: Identity): Facet[] {
  return FACETS.filter((facet) => a[facet] !== b[facet]);
}

/** A container's resources other than CPU and memory: GPUs and other devices. */
function devicesIn(resources: unknown): Record<string, unknown> {
  const { requests, limits } = recordOf(resources);
  const all = { ...recordOf(requests), ...recordOf(limits) };
  const isDevice = ([name]: [string, unknown]): boolean => name.includes('/');
  return Object.fromEntries(
    Object.entries(all)
      .filter(isDevice)
      .map(([name, value]) => [name, String(value)]),
  );
}

function without(
  fields: Readonly<Record<string, unknown>>,
  names: ReadonlySet<string>,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.has(name)));
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise;
}

/** JSON with sorted fields. Absent, null and empty are the same to Kubernetes. */
function canonical(value: unknown): string {
  return JSON.stringify(inOrder(value) ?? null);
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value))
    return value.length === 0 ? undefined : value.map((entry) => inOrder(entry) ?? null);
  if (!isRecord(value)) return value ?? undefined;
  const entries = Object.entries(value)
    .map(([key, inner]) => [key, inOrder(inner)] as const)
    .filter(([, inner]) => inner !== undefined)
    .sort(([a], [b]) => compareText(a, b));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
