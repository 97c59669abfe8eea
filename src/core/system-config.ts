import { isRecord } from './kubernetes.ts';
import { parseQuantity } from './quantity.ts';
import { DEFAULT_AGENT_IMAGE, SYSTEM_CONFIG } from './names.ts';

/** How the agent's container is made: KServe's `agent` entry of ConfigMap `inferenceservice-config`. */
export interface AgentSettings {
  readonly image: string;
  /** Quantities. */
  readonly memoryRequest: string;
  readonly memoryLimit: string;
  readonly cpuRequest: string;
  readonly cpuLimit: string;
}

/** Which keys of a Secret hold S3 credentials: KServe's `credentials` entry can rename them. */
export interface CredentialSettings {
  readonly s3AccessKeyIdName: string;
  readonly s3SecretAccessKeyName: string;
}

/** What KServe's webhook stamps on pods that do not say it themselves. */
export interface MetricSettings {
  readonly enableMetricAggregation: string;
  readonly enablePrometheusScraping: string;
}

export interface SystemConfig {
  readonly agent: AgentSettings;
  readonly credentials: CredentialSettings;
  readonly metrics: MetricSettings;
}

/** A part of the system configuration that was not understood; the defaults stand in for it. */
export interface SystemConfigFault {
  readonly key: string;
  readonly message: string;
}

/** What holds without a ConfigMap; all but the image is KServe's default. */
export const DEFAULT_SYSTEM_CONFIG: SystemConfig = {
  agent: {
    image: DEFAULT_AGENT_IMAGE,
    memoryRequest: '100Mi',
    memoryLimit: '1Gi',
    cpuRequest: '100m',
    cpuLimit: '1',
  },
  credentials: {
    s3AccessKeyIdName: 'AWS_ACCESS_KEY_ID',
    s3SecretAccessKeyName: 'AWS_SECRET_ACCESS_KEY',
  },
  metrics: { enableMetricAggregation: 'false', enablePrometheusScraping: 'false' },
};

/**
 * Reads KServe's system ConfigMap over the defaults, field by field. (KServe's own webhook crashes on JSON it cannot
 * read; here the field's default stays and the fault is told.)
 *
 * @param agentImage what the operator has set on the command line; it stands above the ConfigMap
 */
export function readSystemConfig(
  data: Readonly<Record<string, string>> | undefined,
  agentImage: string | undefined,
): { readonly config: SystemConfig; readonly faults: readonly SystemConfigFault[] } {
  const defaults = DEFAULT_SYSTEM_CONFIG;
  const faults: SystemConfigFault[] = [];
  const agent = section(data, SYSTEM_CONFIG.agentKey, faults);
  const s3 = nested(section(data, 'credentials', faults), 's3');
  const metrics = section(data, 'metricsAggregator', faults);
  const quantity = (field: keyof AgentSettings): string => {
    const value = text(agent, field, defaults.agent[field]);
    if (parseQuantity(value) !== undefined) return value;
    faults.push({ key: `${SYSTEM_CONFIG.agentKey}.${field}`, message: `${value} is not a quantity` });
    return defaults.agent[field];
  };
  const config: SystemConfig = {
    agent: {
      image: agentImage ?? text(agent, 'image', defaults.agent.image),
      memoryRequest: quantity('memoryRequest'),
      memoryLimit: quantity('memoryLimit'),
      cpuRequest: quantity('cpuRequest'),
      cpuLimit: quantity('cpuLimit'),
    },
    credentials: {
      s3AccessKeyIdName: text(s3, 's3AccessKeyIDName', defaults.credentials.s3AccessKeyIdName),
      s3SecretAccessKeyName: text(s3, 's3SecretAccessKeyName', defaults.credentials.s3SecretAccessKeyName),
    },
    metrics: {
      enableMetricAggregation: text(
        metrics,
        'enableMetricAggregation',
        defaults.metrics.enableMetricAggregation,
      ),
      enablePrometheusScraping: text(
        metrics,
        'enablePrometheusScraping',
        defaults.metrics.enablePrometheusScraping,
      ),
    },
  };
  return { config, faults };
}

function section(
  data: Readonly<Record<string, string>> | undefined,
  key: string,
  faults: SystemConfigFault[],
): Readonly<Record<string, unknown>> {
  const raw = data?.[key];
  if (raw === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(raw);
    if (isRecord(parsed)) return parsed;
    faults.push({ key, message: 'is not a JSON object' });
  } catch (thrown) {
    faults.push({ key, message: `is not JSON: ${thrown instanceof Error ? thrown.message : ''}` });
  }
  return {};
}

function nested(value: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const inner = value[key];
  return isRecord(inner) ? inner : {};
}

function text(from: Readonly<Record<string, unknown>>, field: string, otherwise: string): string {
  const value = from[field];
  return typeof value === 'string' && value !== '' ? value : otherwise;
}
