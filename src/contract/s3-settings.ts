import { S3_ANNOTATION_PREFIX } from './names.ts';
import type { EnvVar } from './pod.ts';

/** The fields of `credentials.s3` in KServe's system configuration that become variables. */
type S3ConfigField =
  | 's3Endpoint'
  | 's3UseHttps'
  | 's3VerifySSL'
  | 's3UseAnonymousCredential'
  | 's3Region'
  | 's3UseVirtualBucket'
  | 's3UseAccelerate'
  | 's3CABundle'
  | 's3CABundleConfigMap';

export type S3Config = Readonly<Partial<Record<S3ConfigField, string>>>;

/** One setting: its annotation, its field, and its variable, which is also its key in a Secret. */
interface Setting {
  readonly annotation: string;
  readonly field: S3ConfigField;
  readonly variable: string;
}

const setting = (annotation: string, field: S3ConfigField, variable: string): Setting => ({
  annotation: `${S3_ANNOTATION_PREFIX}${annotation}`,
  field,
  variable,
});

const ENDPOINT = setting('endpoint', 's3Endpoint', 'S3_ENDPOINT');
const USE_HTTPS = setting('usehttps', 's3UseHttps', 'S3_USE_HTTPS');
const CA_BUNDLE = setting('cabundle', 's3CABundle', 'AWS_CA_BUNDLE');
const CA_BUNDLE_CONFIG_MAP = setting('cabundle-configmap', 's3CABundleConfigMap', 'AWS_CA_BUNDLE_CONFIGMAP');

/** Settings that do not depend on others, in KServe's order. Source: KServe v0.17, pkg/credentials/s3/utils.go. */
const PLAIN_SETTINGS: readonly Setting[] = [
  setting('verifyssl', 's3VerifySSL', 'S3_VERIFY_SSL'),
  setting('useanoncredential', 's3UseAnonymousCredential', 'awsAnonymousCredential'),
  setting('region', 's3Region', 'AWS_DEFAULT_REGION'),
  setting('usevirtualbucket', 's3UseVirtualBucket', 'S3_USER_VIRTUAL_BUCKET'),
  setting('useaccelerate', 's3UseAccelerate', 'S3_USE_ACCELERATE'),
  CA_BUNDLE,
  CA_BUNDLE_CONFIG_MAP,
];

/** The URL of the store. KServe's agent reads only this variable. */
const ENDPOINT_URL = 'AWS_ENDPOINT_URL';

export const S3_CONFIG_FIELDS: readonly S3ConfigField[] = [ENDPOINT, USE_HTTPS, ...PLAIN_SETTINGS].map(
  ({ field }) => field,
);

/** The keys of a Secret whose values {@link secretSettings} reads. */
export const S3_SETTING_KEYS: readonly string[] = [ENDPOINT, USE_HTTPS, ...PLAIN_SETTINGS].map(
  ({ variable }) => variable,
);

const S3_ANNOTATIONS: ReadonlySet<string> = new Set(
  [ENDPOINT, USE_HTTPS, ...PLAIN_SETTINGS].map(({ annotation }) => annotation),
);
/** Longer than any endpoint, region or path. Annotations may have 256 KiB, and are cached. */
const LONGEST_ANNOTATION = 4096;

/** The S3 settings among these annotations. */
export function s3Annotations(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).filter(
      ([key, value]) => S3_ANNOTATIONS.has(key) && value.length <= LONGEST_ANNOTATION,
    ),
  );
}

/** The facts needed about the settings in a Secret; never a value. */
export interface SecretSettings {
  /** Keys that are present and not empty. */
  readonly filled: ReadonlySet<string>;
  /** Keys that are present and empty. KServe takes them for "none", whatever the system configuration says. */
  readonly empty: ReadonlySet<string>;
  /** The scheme of the endpoint, if it has one. */
  readonly endpointScheme: 'http' | 'https' | undefined;
  /** Whether S3_USE_HTTPS is `0`. */
  readonly plainHttp: boolean;
  /** Whether there is white space around the endpoint. */
  readonly paddedEndpoint: boolean;
}

/** Reads {@link S3_SETTING_KEYS} of a Secret; undefined when it has none. */
export function secretSettings(values: ReadonlyMap<string, string>): SecretSettings | undefined {
  const there = S3_SETTING_KEYS.filter((key) => values.has(key));
  if (there.length === 0) return undefined;
  const endpoint = values.get(ENDPOINT.variable) ?? '';
  return {
    filled: new Set(there.filter((key) => values.get(key) !== '')),
    empty: new Set(there.filter((key) => values.get(key) === '')),
    endpointScheme: schemeOf(endpoint.trim()),
    // KServe takes `0` followed by echo's line break for https, which a plain http store does not answer.
    plainHttp: values.get(USE_HTTPS.variable)?.trim() === '0',
    paddedEndpoint: endpoint !== endpoint.trim(),
  };
}

/** The places to look for settings, in this order: annotations, the Secret's data, the system configuration. */
interface S3Sources {
  readonly annotations: Readonly<Record<string, string>>;
  readonly secret?: { readonly name: string; readonly settings: SecretSettings };
  readonly config: S3Config;
}

type Found = { readonly kind: 'text'; readonly value: string } | { readonly kind: 'secret' } | undefined;

/** The first place that has a setting decides, also when its value is empty and so means "none". */
function find({ annotations, secret, config }: S3Sources, wanted: Setting): Found {
  const text = (value: string | undefined): Found =>
    value === undefined || value === '' ? undefined : { kind: 'text', value };
  if (Object.hasOwn(annotations, wanted.annotation)) return text(annotations[wanted.annotation]);
  if (secret?.settings.empty.has(wanted.variable) === true) return undefined;
  if (secret?.settings.filled.has(wanted.variable) === true) return { kind: 'secret' };
  return text(config[wanted.field]);
}

/**
 * The variables of S3 as KServe makes them, with one difference: values in a Secret are referenced, not written into
 * the pod. kubelet then composes `AWS_ENDPOINT_URL` from `$(S3_ENDPOINT)`.
 */
export function s3Environment(sources: S3Sources): {
  readonly env: readonly EnvVar[];
  readonly warnings: readonly string[];
} {
  const env = [...endpointEnv(sources), ...PLAIN_SETTINGS.flatMap((each) => variable(sources, each))];
  return { env, warnings: warningsOf(sources) };
}

function endpointEnv(sources: S3Sources): EnvVar[] {
  const endpoint = find(sources, ENDPOINT);
  if (endpoint === undefined) return [];
  const trimmed = endpoint.kind === 'text' ? endpoint.value.trim() : '';
  const scheme = endpoint.kind === 'text' ? schemeOf(trimmed) : sources.secret?.settings.endpointScheme;
  const useHttps: EnvVar[] =
    scheme === undefined
      ? variable(sources, USE_HTTPS)
      : [{ name: USE_HTTPS.variable, value: scheme === 'https' ? '1' : '0' }];
  if (endpoint.kind === 'secret') {
    const [host] = variable(sources, ENDPOINT);
    if (host === undefined) return [];
    // With a scheme, the value is the whole URL. KServe strips the scheme from S3_ENDPOINT, which a reference cannot
    // do.
    const url: EnvVar =
      scheme === undefined
        ? { name: ENDPOINT_URL, value: `${chosenScheme(sources)}://$(${ENDPOINT.variable})` }
        : { ...host, name: ENDPOINT_URL };
    return [...useHttps, host, url];
  }
  const host = scheme === undefined ? trimmed : trimmed.slice(`${scheme}://`.length);
  const url = scheme === undefined ? `${chosenScheme(sources)}://${trimmed}` : trimmed;
  return [...useHttps, { name: ENDPOINT.variable, value: host }, { name: ENDPOINT_URL, value: url }];
}

/** Only an explicit `0` means http. */
function chosenScheme(sources: S3Sources): 'http' | 'https' {
  const found = find(sources, USE_HTTPS);
  const plain = found?.kind === 'secret' ? sources.secret?.settings.plainHttp : found?.value === '0';
  return plain === true ? 'http' : 'https';
}

function variable(sources: S3Sources, wanted: Setting): EnvVar[] {
  const found = find(sources, wanted);
  if (found === undefined) return [];
  const { variable: name } = wanted;
  if (found.kind === 'text') return [{ name, value: found.value }];
  const secret = sources.secret?.name ?? '';
  return [{ name, valueFrom: { secretKeyRef: { name: secret, key: name } } }];
}

function schemeOf(endpoint: string): 'http' | 'https' | undefined {
  const [, scheme] = /^(https?):\/\//i.exec(endpoint) ?? [];
  return scheme?.toLowerCase() as 'http' | 'https' | undefined;
}

function warningsOf(sources: S3Sources): string[] {
  const warnings: string[] = [];
  const { secret } = sources;
  if (find(sources, ENDPOINT)?.kind === 'secret' && secret?.settings.paddedEndpoint === true) {
    warnings.push(
      `S3_ENDPOINT in Secret ${secret.name} has white space around it, a line break perhaps; ` +
        'write it without (echo -n): the variable holds it as it is',
    );
  }
  const bundles = [CA_BUNDLE, CA_BUNDLE_CONFIG_MAP].filter((each) => find(sources, each) !== undefined);
  if (bundles.length > 0) {
    const names = bundles.map(({ variable: name }) => name).join(' and ');
    warnings.push(
      `${names}: no ConfigMap is mounted into the agent for it, as KServe mounts none; ` +
        'S3 downloads fail unless AWS_CA_BUNDLE names a file of the image',
    );
  }
  return warnings;
}
