import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { SourceConfigurationError } from './errors.ts';
import { nonEmpty } from './non-empty.ts';
import type { Environment } from './environment.ts';

/** The S3 settings in the environment that KServe's webhook injects. */
export interface S3Environment {
  readonly endpoint: string | undefined;
  readonly region: string;
  /** Buckets in the path, not the host name: every store but AWS supports it. */
  readonly pathStyle: boolean;
  /** AWS's transfer acceleration; `endpoint` is undefined then. */
  readonly accelerate: boolean;
  readonly verifyTls: boolean;
  /** PEM, added to the well-known roots. */
  readonly certificateAuthorities: string | undefined;
  /**
   * `chain`: the SDK's default chain (web identity, container and instance roles, profiles).
   */
  readonly credentials:
    | { readonly kind: 'anonymous' }
    | {
        readonly kind: 'static';
        readonly id: string;
        readonly secret: string;
        readonly token: string | undefined;
      }
    | { readonly kind: 'chain' };
}

const YES: ReadonlySet<string> = new Set(['1', 'true', 't', 'yes', 'y', 'on']);
const NO: ReadonlySet<string> = new Set(['0', 'false', 'f', 'no', 'n', 'off']);
/** The region for signing if none is set. AWS answers with the bucket's region, and the SDK follows. */
const DEFAULT_REGION = 'us-east-1';

/** AWS's own hosts; only these have transfer acceleration. */
const AWS_HOST = /(^|\.)amazonaws\.com(\.cn)?$/;

/**
 * Reads the names that KServe's webhook writes (S3_ENDPOINT, S3_USE_HTTPS, S3_VERIFY_SSL, awsAnonymousCredential,
 * S3_USER_VIRTUAL_BUCKET, S3_USE_ACCELERATE, AWS_DEFAULT_REGION) and the SDK's own. AWS_DEFAULT_REGION, which is the
 * store's, comes before AWS_REGION, which EKS sets to the cluster's, as with KServe's agent. A trailing line break in a
 * Secret's value is ignored.
 * Source: KServe v0.17, pkg/credentials/s3 and pkg/agent/storage/utils.go.
 * @throws SourceConfigurationError when AWS_CA_BUNDLE cannot be read.
 */
export async function readS3Environment(raw: Environment): Promise<S3Environment> {
  const env: Environment = Object.fromEntries(S3_VARIABLES.map((name) => [name, raw[name]?.trim()]));
  const endpoint = endpointOf(env);
  const ofAws = endpoint === undefined || AWS_HOST.test(new URL(endpoint).hostname);
  const accelerate = ofAws && isYes(env['S3_USE_ACCELERATE']);
  return {
    endpoint: accelerate ? undefined : endpoint,
    region: nonEmpty(env['AWS_DEFAULT_REGION']) ?? nonEmpty(env['AWS_REGION']) ?? DEFAULT_REGION,
    pathStyle: !accelerate && isPathStyle(env['S3_USER_VIRTUAL_BUCKET'], endpoint),
    accelerate,
    verifyTls: !isNo(env['S3_VERIFY_SSL']),
    certificateAuthorities: await bundleOf(nonEmpty(env['AWS_CA_BUNDLE'])),
    credentials: credentialsOf(env),
  };
}

const S3_VARIABLES = [
  'AWS_ENDPOINT_URL_S3',
  'AWS_ENDPOINT_URL',
  'S3_ENDPOINT',
  'S3_USE_HTTPS',
  'S3_VERIFY_SSL',
  'S3_USER_VIRTUAL_BUCKET',
  'S3_USE_ACCELERATE',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_CA_BUNDLE',
  'awsAnonymousCredential',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
];

/** The default depends on the store: AWS needs no path style, and most others do. */
function isPathStyle(virtualBucket: string | undefined, endpoint: string | undefined): boolean {
  if (isYes(virtualBucket)) return false;
  return isNo(virtualBucket) || endpoint !== undefined;
}

function endpointOf(env: Environment): string | undefined {
  const given = nonEmpty(env['AWS_ENDPOINT_URL_S3']) ?? nonEmpty(env['AWS_ENDPOINT_URL']);
  const host = nonEmpty(env['S3_ENDPOINT']);
  const scheme = isNo(env['S3_USE_HTTPS']) ? 'http' : 'https';
  const composed = host === undefined || host.includes('://') ? host : `${scheme}://${host}`;
  // If S3_ENDPOINT comes later in the container's list, kubelet leaves the webhook's http://$(S3_ENDPOINT) unexpanded.
  const isWhole = given !== undefined && !given.includes('$(');
  const endpoint = isWhole ? given : (composed ?? given);
  if (endpoint === undefined || (URL.canParse(endpoint) && !endpoint.includes('$('))) return endpoint;
  throw new SourceConfigurationError(
    'AWS_ENDPOINT_URL or S3_ENDPOINT is not a URL: set host:port or http(s)://host:port',
  );
}

function credentialsOf(env: Environment): S3Environment['credentials'] {
  if (isYes(env['awsAnonymousCredential'])) return { kind: 'anonymous' };
  const id = nonEmpty(env['AWS_ACCESS_KEY_ID']);
  const secret = nonEmpty(env['AWS_SECRET_ACCESS_KEY']);
  if (id === undefined || secret === undefined) return { kind: 'chain' };
  return { kind: 'static', id, secret, token: nonEmpty(env['AWS_SESSION_TOKEN']) };
}

async function bundleOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return [...rootCertificates, await readFile(file, 'utf8')].join('\n');
  } catch (cause) {
    throw new SourceConfigurationError(
      `AWS_CA_BUNDLE: ${file} cannot be read. Mount it, or unset the variable.`,
      {
        cause,
      },
    );
  }
}

function isYes(value: string | undefined): boolean {
  return YES.has((value ?? '').toLowerCase());
}

function isNo(value: string | undefined): boolean {
  return NO.has((value ?? '').toLowerCase());
}
