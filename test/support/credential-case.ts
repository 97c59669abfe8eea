import type { EnvVar } from '../../src/contract/pod.ts';

/** One input of KServe's credential builder, or a rule between several inputs. */
export interface CredentialCase {
  readonly name: string;
  /** KServe's `credentials` entry: {@link SHIPPED} by default, `null` for none. */
  readonly config?: Readonly<Record<string, unknown>> | null;
  /**
   * Each Secret with its data as plain text. Names are prefixed with the case's name, because all cases share a
   * namespace.
   */
  readonly secrets?: Readonly<Record<string, SecretCase>>;
  /** The pod's service account; `null` for one that does not exist. */
  readonly account?: {
    readonly annotations?: Readonly<Record<string, string>>;
    /** Names of Secrets; all of them by default. */
    readonly secrets?: readonly string[];
  } | null;
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly differs?: Difference;
}

export interface SecretCase {
  readonly data: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The difference from KServe. */
export interface Difference {
  /** The reason, as in docs/credential-places.md. */
  readonly because: string;
  /** Variables that differ, instead of KServe's of the same name. */
  readonly env?: Readonly<Record<string, EnvVar>>;
  /** The whole answer, if KServe refuses the pod or gives something else. */
  readonly answer?: 'nothing' | { readonly env: readonly EnvVar[]; readonly secretVolume?: SecretVolume };
  /** The admission warning. A difference that adds something has none. */
  readonly warning?: string;
}

export interface SecretVolume {
  readonly name: string;
  readonly secretName: string;
  readonly mountPath: string;
}

/** As shipped by KServe v0.17 in config/configmap/inferenceservice.yaml. */
export const SHIPPED = {
  storageSpecSecretName: 'storage-config',
  storageSecretNameAnnotation: 'serving.kserve.io/storageSecretName',
  gcs: { gcsCredentialFileName: 'gcloud-application-credentials.json' },
  s3: { s3AccessKeyIDName: 'AWS_ACCESS_KEY_ID', s3SecretAccessKeyName: 'AWS_SECRET_ACCESS_KEY' },
} as const;

/** The `credentials` entry of a case; undefined when there is none. */
export function configOf({ config }: CredentialCase): string | undefined {
  return config === null ? undefined : JSON.stringify(config ?? SHIPPED);
}

/** The name of a case's Secret in the cluster. */
export function secretNameOf({ name }: CredentialCase, secret: string): string {
  return `${name}-${secret}`;
}

export const KEYS = { AWS_ACCESS_KEY_ID: 'canary-id', AWS_SECRET_ACCESS_KEY: 'canary-key' };
export const GOOGLE = 'gcloud-application-credentials.json';
export const NAMED = 'serving.kserve.io/storageSecretName';
export const ROLE = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/models' };
export const S3_DATA = {
  S3_ENDPOINT: 'canary-data:9000',
  S3_USE_HTTPS: '0',
  S3_VERIFY_SSL: '0',
  awsAnonymousCredential: 'false',
  AWS_DEFAULT_REGION: 'canary-region',
  S3_USER_VIRTUAL_BUCKET: 'false',
  S3_USE_ACCELERATE: 'false',
  AWS_CA_BUNDLE: '/canary/ca.crt',
  AWS_CA_BUNDLE_CONFIGMAP: 'canary-ca',
};
export const S3_FIELDS = {
  s3Endpoint: 'config:9000',
  s3UseHttps: '0',
  s3VerifySSL: '0',
  s3UseAnonymousCredential: 'false',
  s3Region: 'config-region',
  s3UseVirtualBucket: 'false',
  s3UseAccelerate: 'false',
  s3CABundle: '/etc/config/ca.crt',
  s3CABundleConfigMap: 'config-ca',
};
export const configured = (s3: object, rest: object = {}) => ({
  ...SHIPPED,
  ...rest,
  s3: { ...SHIPPED.s3, ...s3 },
});
export const s3 = (annotations: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [`serving.kserve.io/s3-${key}`, value]),
  );
export const ALL_S3 = s3({
  endpoint: 'annotation:9000',
  usehttps: '0',
  verifyssl: '0',
  useanoncredential: 'false',
  region: 'annotation-region',
  usevirtualbucket: 'false',
  useaccelerate: 'false',
  cabundle: '/etc/annotation/ca.crt',
  'cabundle-configmap': 'annotation-ca',
});

export const from = (secret: string, variable: string, key = variable): EnvVar => ({
  name: variable,
  valueFrom: { secretKeyRef: { name: secret, key } },
});
export const refs = (secret: string, ...variables: readonly string[]): Record<string, EnvVar> =>
  Object.fromEntries(variables.map((variable) => [variable, from(secret, variable)]));
export const NEVER_IN_CLEAR = "a Secret's data is referred to, and not written into the pod";
