import { isImageReference } from '../lib/image-reference.ts';
import { SettingsError } from '../lib/settings-error.ts';
import { readSettings } from './settings.ts';
import type { Setting, SettingValues } from './settings.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const CERTIFICATE_SOURCES = ['self', 'external'] as const;
const STATUS_SCOPES = ['whole', 'beside', 'off'] as const;
const KSERVE_MODES = ['beside', 'takeover'] as const;
const LONGEST_DRAIN_SECONDS = 600;

/**
 * All settings of the manager; docs/reference/settings.md is generated from them. The variables do not begin with KSERVE_MMS_:
 * kubelet gives containers KSERVE_MMS_WEBHOOK_PORT and the like for the Service of that name.
 */
export const MANAGER_SETTINGS = {
  local: onOff(
    'MMS_LOCAL',
    false,
    'run outside of the cluster, on 127.0.0.1: bring what is missing, register by URL',
  ),
  webhookPort: port('MMS_WEBHOOK_PORT', 9443, 'HTTPS, for the API server'),
  metricsPort: port('MMS_METRICS_PORT', 8080, '/metrics for Prometheus'),
  healthPort: port('MMS_HEALTH_PORT', 8081, '/healthz and /readyz'),
  pagePort: {
    ...port('MMS_PAGE_PORT', 0, 'a page to look at, for people, on 127.0.0.1 only'),
    otherwise: undefined as number | undefined,
    otherwiseShown: 'no page',
  },
  agentImage: {
    ...{ argument: '<image>', env: 'MMS_AGENT_IMAGE', otherwise: undefined as string | undefined },
    otherwiseShown: "what KServe's system configuration says",
    meaning: "the agent's image",
    read: (text: string) => (isImageReference(text) ? text : undefined),
    must: 'name an image, like registry.example/kserve-mms:0.1.0',
  },
  kserve: choice(
    'MMS_KSERVE',
    KSERVE_MODES,
    'beside',
    '<mode>',
    "whether KServe's controllers run beside this manager, or it does their work on TrainedModels",
  ),
  certificate: choice(
    'MMS_CERTIFICATE',
    CERTIFICATE_SOURCES,
    'self',
    '<source>',
    "who makes the webhook's certificate and writes the caBundle: the manager, or another such as cert-manager",
  ),
  webhookClientCa: {
    ...{ argument: '<file>', env: 'MMS_WEBHOOK_CLIENT_CA', otherwise: undefined as string | undefined },
    otherwiseShown: 'none: the webhook answers anyone who reaches it',
    meaning:
      "PEM of the authority of the API server's client certificate; the webhook then answers no other caller",
    read: (text: string) => (text === '' ? undefined : text),
    must: 'name a file',
  },
  namespace: {
    ...{ argument: '<name>', env: 'POD_NAMESPACE', otherwise: 'kserve-mms-system' },
    meaning: 'of the lease and the certificate',
    read: (text: string) => (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? text : undefined),
    must: 'be the name of a namespace: at most 63 lower case letters, digits and "-"',
  },
  identity: {
    ...{ argument: '<name>', env: 'POD_NAME', otherwise: undefined as string | undefined },
    otherwiseShown: 'made up at each start',
    meaning: 'which of the replicas this is, for the lease',
    read: (text: string) => (/^[\w.-]{1,253}$/.test(text) ? text : undefined),
    must: 'be at most 253 letters, digits, ".", "-" and "_"',
  },
  injectCredentials: onOff(
    'MMS_INJECT_CREDENTIALS',
    true,
    'give agents storage credentials, which takes reading Secrets',
  ),
  propagate: onOff(
    'MMS_PROPAGATE',
    true,
    'notify pods of changed models; without it kubelets notice within a minute or two',
  ),
  predictors: onOff(
    'MMS_PREDICTORS',
    false,
    'make a Deployment and a Service of each InferenceService; for clusters without KServe',
  ),
  allowMemoryChanges: onOff(
    'MMS_ALLOW_MEMORY_CHANGES',
    false,
    "let spec.model.memory of a TrainedModel be changed, which KServe's webhook refuses",
  ),
  trainedModelStatus: choice(
    'MMS_TRAINED_MODEL_STATUS',
    STATUS_SCOPES,
    'whole',
    '<scope>',
    "what to write of TrainedModels: their whole status, only ModelLoaded (beside KServe's controller), or nothing",
  ),
  drainSeconds: {
    ...{ argument: '<number>', env: 'MMS_DRAIN_SECONDS', otherwise: undefined as number | undefined },
    otherwiseShown: '15, with --local 1',
    meaning: 'how long the webhook still serves after it has stopped being ready',
    read: (text: string) => wholeNumber(text, LONGEST_DRAIN_SECONDS),
    must: `be a whole number, 0 to ${LONGEST_DRAIN_SECONDS}`,
  },
  logLevel: choice('MMS_LOG_LEVEL', LOG_LEVELS, 'info', '<level>', 'least level to log'),
} as const;

export type ManagerSettings = SettingValues<typeof MANAGER_SETTINGS>;

/** The manager cannot start with these settings. */
export class ManagerSettingsError extends SettingsError {
  readonly code = 'MANAGER_SETTINGS_INVALID';
}

/** Every value, and everything that is wrong with them, what contradicts each other too. */
export function readManagerSettings(
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): { readonly values: ManagerSettings; readonly faults: readonly string[] } {
  const { values, faults } = readSettings(MANAGER_SETTINGS, flags, environment);
  return { values, faults: [...faults, ...clashesOf(values), ...contradictionsOf(values)] };
}

function clashesOf({ webhookPort, metricsPort, healthPort, pagePort }: ManagerSettings): string[] {
  const byPort = new Map<number, string[]>();
  const ports = {
    ...{ '--webhook-port': webhookPort, '--metrics-port': metricsPort, '--health-port': healthPort },
    '--page-port': pagePort ?? 0,
  };
  for (const [flag, number] of Object.entries(ports)) {
    if (number !== 0) byPort.set(number, [...(byPort.get(number) ?? []), flag]);
  }
  return [...byPort]
    .filter(([, flags]) => flags.length > 1)
    .map(([number, flags]) => `${flags.join(' and ')} are both ${number}; give each a port of its own`);
}

function contradictionsOf({ local, certificate }: ManagerSettings): string[] {
  if (!local || certificate === 'self') return [];
  return [
    '--certificate external is for a manager in the cluster; leave it out with --local, or leave out --local',
  ];
}

function onOff(env: string, otherwise: boolean, meaning: string): Setting<boolean> {
  const read = (text: string): boolean | undefined => {
    if (text !== 'true' && text !== 'false') return undefined;
    return text === 'true';
  };
  return { env, otherwise, meaning, read, must: 'be true or false' };
}

function port(env: string, otherwise: number, meaning: string): Setting<number> {
  const read = (text: string): number | undefined => wholeNumber(text, 65_535);
  return { argument: '<port>', env, otherwise, meaning, read, must: 'be a port, 0 to 65535' };
}

function choice<const C extends readonly string[]>(
  env: string,
  choices: C,
  otherwise: C[number],
  argument: string,
  meaning: string,
): Setting<C[number]> {
  const read = (text: string): C[number] | undefined => choices.find((one) => one === text);
  return { argument, env, otherwise, meaning, read, must: `be one of ${choices.join(', ')}` };
}

function wholeNumber(text: string, most: number): number | undefined {
  const number = Number(text);
  return /^\d{1,6}$/.test(text) && number <= most ? number : undefined;
}
