import { defaultModeIn } from './deployment-mode.ts';
import { isImageReference } from '../lib/image-reference.ts';
import { isRecord } from '../lib/json.ts';
import { parseQuantity } from '../lib/quantity.ts';
import { DEFAULT_AGENT_IMAGE, SYSTEM_CONFIG } from './names.ts';
import { loggerStorage } from './payload-spec.ts';
import type { LoggerStorage } from './payload-spec.ts';
import { S3_CONFIG_FIELDS } from './s3-settings.ts';
import type { S3Config } from './s3-settings.ts';

/** Settings of the agent's container: KServe's `agent` entry of ConfigMap `inferenceservice-config`. */
export interface AgentSettings {
  readonly image: string;
  /** Quantities. */
  readonly memoryRequest: string;
  readonly memoryLimit: string;
  readonly cpuRequest: string;
  readonly cpuLimit: string;
}

/** Where credentials are found: KServe's `credentials` entry. Unset fields have the values that KServe ships. */
export interface CredentialSettings {
  /** The keys of a Secret that hold S3 credentials. */
  readonly s3AccessKeyIdName: string;
  readonly s3SecretAccessKeyName: string;
  /** The key of a Secret that holds Google's credentials. */
  readonly gcsCredentialFileName?: string;
  /** The annotation of a pod that names its Secret; empty when pods name none. */
  readonly storageSecretNameAnnotation?: string;
  /** S3 settings used when neither annotations nor a Secret set them. */
  readonly s3?: S3Config;
}

/** Defaults that KServe's webhook stamps on pods that do not set them. */
interface MetricSettings {
  readonly enableMetricAggregation: string;
  readonly enablePrometheusScraping: string;
}

/** Differences between KServe's releases in the pods that they make. */
interface ReleaseBehaviour {
  /** The agent's own readiness probe uses the path of the probe that it mirrors, not "/". */
  readonly probeKeepsPath: boolean;
}

/** Settings of loggers: KServe's `logger` entry, without its image and resources, which no webhook uses. */
export interface LoggerSettings extends LoggerStorage {
  /** The sink of a logger that names none; when empty, nothing is logged. */
  readonly defaultUrl: string;
  /** The ConfigMap with the CA bundle of sinks; empty for none. */
  readonly caBundle: string;
  /** Its file; empty for the agent's default. */
  readonly caCertFile: string;
  readonly tlsSkipVerify: boolean;
}

export interface SystemConfig {
  readonly agent: AgentSettings;
  readonly release: ReleaseBehaviour;
  readonly logger: LoggerSettings;
  readonly credentials: CredentialSettings;
  readonly metrics: MetricSettings;
  /** How KServe serves an InferenceService that does not say it; undefined where KServe makes no predictors, or does not say it. */
  readonly kserveMode: string | undefined;
}

/** An entry of the system configuration that could not be read. Its default is used. */
interface SystemConfigFault {
  readonly key: string;
  readonly message: string;
}

/** Used without a ConfigMap. All but the image are KServe's defaults. */
export const DEFAULT_SYSTEM_CONFIG: SystemConfig = {
  agent: {
    image: DEFAULT_AGENT_IMAGE,
    memoryRequest: '100Mi',
    memoryLimit: '1Gi',
    cpuRequest: '100m',
    cpuLimit: '1',
  },
  release: { probeKeepsPath: false },
  logger: {
    ...loggerStorage({}),
    defaultUrl: '',
    caBundle: '',
    caCertFile: '',
    tlsSkipVerify: false,
  },
  credentials: {
    s3AccessKeyIdName: 'AWS_ACCESS_KEY_ID',
    s3SecretAccessKeyName: 'AWS_SECRET_ACCESS_KEY',
  },
  metrics: { enableMetricAggregation: 'false', enablePrometheusScraping: 'false' },
  kserveMode: undefined,
};

/**
 * Reads KServe's system ConfigMap over the defaults, field by field. (KServe's own webhook crashes on malformed JSON;
 * here the default is used and the fault is reported.)
 * @param agentImage the operator's flag; it takes precedence over the ConfigMap
 */
export function readSystemConfig(
  data: Readonly<Record<string, string>> | undefined,
  agentImage: string | undefined,
): { readonly config: SystemConfig; readonly faults: readonly SystemConfigFault[] } {
  const faults: SystemConfigFault[] = [];
  const { agent, metrics } = DEFAULT_SYSTEM_CONFIG;
  const agentSection = section(data, SYSTEM_CONFIG.agentKey, faults);
  const credentialsSection = section(data, 'credentials', faults);
  const metricsSection = section(data, 'metricsAggregator', faults);
  const image = imageOf(agentSection, agent.image, faults);
  const config: SystemConfig = {
    agent: { image: agentImage ?? image, ...resources(agentSection, faults) },
    release: releaseBehaviour(data),
    kserveMode: defaultModeIn(data),
    logger: loggerSettings(section(data, 'logger', faults), faults),
    credentials: credentialSettings(credentialsSection, faults),
    metrics: {
      enableMetricAggregation: text(
        metricsSection,
        'enableMetricAggregation',
        metrics.enableMetricAggregation,
        faults,
      ),
      enablePrometheusScraping: text(
        metricsSection,
        'enablePrometheusScraping',
        metrics.enablePrometheusScraping,
        faults,
      ),
    },
  };
  return { config, faults };
}

/** Entries whose image is always KServe's own, tagged with its release. The image of `agent` may be this project's. */
const RELEASE_IMAGES = ['storageInitializer', 'router'] as const;
const VERSION_TAG = /:v?(\d+)\.(\d+)(?:[.-][\w.-]*)?(?:@.*)?$/;
/** Tags of builds between releases. */
const DEVELOPMENT_TAG = /:(?:latest|master)(?:@.*)?$/;

/**
 * Reads KServe's release from the tags of its images, and the behaviour of that release. Without such a tag, KServe
 * v0.17 is assumed. Source: pkg/webhook/admission/pod/agent_injector.go of v0.17.0, v0.19.0 and v0.20.0.
 */
function releaseBehaviour(data: Readonly<Record<string, string>> | undefined): ReleaseBehaviour {
  // Nothing else in those entries is read, so faults in them are not reported.
  const images = RELEASE_IMAGES.map((key) => section(data, key, []).fields['image']);
  const image = images.find((value) => typeof value === 'string' && value.length <= MAX_IMAGE);
  if (typeof image !== 'string') return DEFAULT_SYSTEM_CONFIG.release;
  const [, major, minor] = VERSION_TAG.exec(image) ?? [];
  const isNew = Number(major) > 0 || Number(minor) >= PROBE_KEEPS_PATH_SINCE;
  return { probeKeepsPath: isNew || DEVELOPMENT_TAG.test(image) };
}

/** The minor version of the first such release, 0.19. */
const PROBE_KEEPS_PATH_SINCE = 19;
const MAX_IMAGE = 1024;

/** One JSON object of the ConfigMap, with its path for messages. */
interface Section {
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function section(
  data: Readonly<Record<string, string>> | undefined,
  key: string,
  faults: SystemConfigFault[],
): Section {
  const raw = data?.[key];
  if (raw === undefined) return { path: key, fields: {} };
  try {
    const parsed: unknown = JSON.parse(raw);
    if (isRecord(parsed)) return { path: key, fields: parsed };
    faults.push({ key, message: 'is not a JSON object' });
  } catch (thrown) {
    faults.push({ key, message: `is not JSON: ${thrown instanceof Error ? thrown.message : ''}` });
  }
  return { path: key, fields: {} };
}

function nested({ path, fields }: Section, key: string, faults: SystemConfigFault[]): Section {
  const inner = { path: `${path}.${key}`, fields: {} };
  const value = fields[key];
  if (value == null) return inner;
  if (isRecord(value)) return { ...inner, fields: value };
  faults.push({ key: inner.path, message: 'is not a JSON object' });
  return inner;
}

/**
 * The API server refuses a pod whose image has leading or trailing white space, and a container runtime refuses an
 * invalid reference.
 */
function imageOf(agent: Section, otherwise: string, faults: SystemConfigFault[]): string {
  const image = text(agent, 'image', otherwise, faults).trim();
  if (isImageReference(image)) return image;
  const message = `${JSON.stringify(image)} is not an image reference; ${otherwise} is used instead`;
  faults.push({ key: `${agent.path}.image`, message });
  return otherwise;
}

/** KServe treats an empty text as not set. */
function text(
  { path, fields }: Section,
  field: string,
  otherwise: string,
  faults: SystemConfigFault[],
): string {
  const value = fields[field];
  if (typeof value === 'string') return value === '' ? otherwise : value;
  if (value != null) faults.push({ key: `${path}.${field}`, message: 'is not a string' });
  return otherwise;
}

function loggerSettings(logger: Section, faults: SystemConfigFault[]): LoggerSettings {
  const { tlsSkipVerify } = logger.fields;
  if (tlsSkipVerify != null && typeof tlsSkipVerify !== 'boolean')
    faults.push({ key: `${logger.path}.tlsSkipVerify`, message: 'is not true or false' });
  return {
    ...loggerStorage(logger.fields),
    defaultUrl: text(logger, 'defaultUrl', '', faults),
    caBundle: text(logger, 'caBundle', '', faults),
    caCertFile: text(logger, 'caCertFile', '', faults),
    tlsSkipVerify: tlsSkipVerify === true,
  };
}

/** `storageSpecSecretName` is for storage of an InferenceService itself; no multi-model predictor has any. */
function credentialSettings(section: Section, faults: SystemConfigFault[]): CredentialSettings {
  const { s3AccessKeyIdName, s3SecretAccessKeyName } = DEFAULT_SYSTEM_CONFIG.credentials;
  const s3 = nested(section, 's3', faults);
  const gcsFile = text(nested(section, 'gcs', faults), 'gcsCredentialFileName', '', faults);
  const annotation = text(section, 'storageSecretNameAnnotation', '', faults);
  const settings = S3_CONFIG_FIELDS.map((field) => [field, text(s3, field, '', faults)] as const);
  const set = settings.filter(([, value]) => value !== '');
  return {
    s3AccessKeyIdName: text(s3, 's3AccessKeyIDName', s3AccessKeyIdName, faults),
    s3SecretAccessKeyName: text(s3, 's3SecretAccessKeyName', s3SecretAccessKeyName, faults),
    ...(gcsFile === '' ? {} : { gcsCredentialFileName: gcsFile }),
    ...(annotation === '' && section.fields['storageSecretNameAnnotation'] !== ''
      ? {}
      : { storageSecretNameAnnotation: annotation }),
    ...(set.length === 0 ? {} : { s3: Object.fromEntries(set) }),
  };
}

function resources(agent: Section, faults: SystemConfigFault[]): Omit<AgentSettings, 'image'> {
  const [memoryRequest, memoryLimit] = range(agent, 'memoryRequest', 'memoryLimit', faults);
  const [cpuRequest, cpuLimit] = range(agent, 'cpuRequest', 'cpuLimit', faults);
  return { memoryRequest, memoryLimit, cpuRequest, cpuLimit };
}

type ResourceField = keyof Omit<AgentSettings, 'image'>;

/** Kubernetes refuses a pod whose request exceeds its limit, so the request may be lowered here. */
function range(
  agent: Section,
  requestField: ResourceField,
  limitField: ResourceField,
  faults: SystemConfigFault[],
): [string, string] {
  const request = quantity(agent, requestField, faults);
  const limit = quantity(agent, limitField, faults);
  if ((parseQuantity(request)?.nano ?? 0n) <= (parseQuantity(limit)?.nano ?? 0n)) return [request, limit];
  const message = `${request} is more than ${limitField}, ${limit}, which is used instead`;
  faults.push({ key: `${agent.path}.${requestField}`, message });
  return [limit, limit];
}

function quantity(agent: Section, field: ResourceField, faults: SystemConfigFault[]): string {
  const otherwise = DEFAULT_SYSTEM_CONFIG.agent[field];
  const value = text(agent, field, otherwise, faults).trim();
  const parsed = parseQuantity(value);
  if (parsed !== undefined && parsed.nano >= 0n) return value;
  const message = `${value} is not a quantity of zero or more; ${otherwise} is used instead`;
  faults.push({ key: `${agent.path}.${field}`, message });
  return otherwise;
}
