import type { InferenceService } from '../../src/contract/inference-service.ts';
import { kserveSystemConfig } from './kserve-install.ts';

/** A predictor with the logger, the batcher or both. */
export interface AgentCase {
  readonly predictor: Readonly<Record<string, unknown>>;
  readonly multiModel?: boolean;
  /** Settings of the logger in `inferenceservice-config`, in addition to the installed ones. */
  readonly logger?: Readonly<Record<string, unknown>>;
  /** The pod's name, without a ReplicaSet. */
  readonly podName?: string;
}

const LOGGER = { mode: 'all', url: 'http://sink.default/' };
const BATCHER = { maxBatchSize: 8, maxLatency: 100 };
const STORE = { path: '/logs', key: 'logs', parameters: { format: 'csv' } };
const STORED = { mode: 'all', url: 's3://logs/prefix', storage: STORE };

/** Service accounts with credentials for the logger's objects, each with one Secret of S3. */
export const LOG_ACCOUNTS = {
  'logger-sa': {
    secret: 'logs',
    keys: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    annotations: {
      'serving.kserve.io/s3-endpoint': 'minio.default:9000',
      'serving.kserve.io/s3-usehttps': '0',
    },
  },
  'store-sa': {
    secret: 'store',
    keys: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    annotations: { 'serving.kserve.io/s3-region': 'eu-west-1' },
  },
  'gcs-sa': { secret: 'gcs', keys: ['gcloud-application-credentials.json'], annotations: {} },
} as const;

const SINGLE_MODEL: Readonly<Record<string, AgentCase>> = {
  logger: { predictor: { logger: LOGGER } },
  'logger-metadata': {
    predictor: {
      logger: {
        ...LOGGER,
        mode: 'request',
        metadataHeaders: ['X-Request-Id', 'X-Team'],
        metadataAnnotations: ['example.com/owner'],
      },
    },
  },
  'logger-default-sink': { predictor: { logger: { mode: 'response' } } },
  'logger-store': { predictor: { logger: { ...STORED, batchSize: 10, batchInterval: '30s' } } },
  batcher: { predictor: { batcher: BATCHER } },
  'batcher-defaults': { predictor: { batcher: {} } },
  both: { predictor: { logger: LOGGER, batcher: BATCHER } },
};

const MORE_OF_MULTI_MODEL: Readonly<Record<string, AgentCase>> = {
  'logger-of-a-named-pod': { predictor: { logger: LOGGER }, podName: 'named' },
  'logger-of-unknown-annotations': {
    predictor: { logger: { ...LOGGER, metadataAnnotations: ['example.com/none', 'example.com/owner'] } },
  },
  'logger-without-metadata': {
    predictor: { logger: { ...LOGGER, metadataHeaders: [], metadataAnnotations: ['example.com/none'] } },
  },
  'logger-with-ca': {
    predictor: { logger: LOGGER },
    logger: { caBundle: 'sink-ca', caCertFile: 'ca.crt', tlsSkipVerify: true },
  },
  'logger-with-ca-and-credentials': {
    predictor: {
      logger: { ...STORED, url: 'gs://logs', storage: { ...STORE, serviceAccountName: 'gcs-sa' } },
    },
    logger: { caBundle: 'sink-ca' },
  },
  'logger-store-of-an-account': {
    predictor: { logger: { ...STORED, storage: { ...STORE, serviceAccountName: 'store-sa' } } },
  },
  'logger-store-of-both-accounts': {
    predictor: {
      serviceAccountName: 'store-sa',
      logger: { ...STORED, storage: { ...STORE, parameters: {} } },
    },
  },
  'logger-store-without-an-account': {
    predictor: { logger: { ...STORED, storage: { ...STORE, serviceAccountName: 'nobody' } } },
  },
  'logger-marshaller': {
    predictor: { logger: { ...STORED, marshallerUrl: 'http://localhost:9999/marshal', batchSize: 0 } },
  },
  'logger-of-config': {
    predictor: { logger: { mode: 'all' } },
    logger: {
      defaultUrl: 's3://of-config',
      storage: STORE,
      marshallerUrl: 'http://localhost:9998/marshal',
      batchSize: 5,
      batchInterval: '10s',
    },
  },
};

const multiModel = (cases: Readonly<Record<string, AgentCase>>): Record<string, AgentCase> =>
  Object.fromEntries(
    Object.entries(cases).map(([name, asked]) => [`mms-${name}`, { ...asked, multiModel: true }]),
  );

/** All recorded cases, by name. */
export const AGENT_CASES: Readonly<Record<string, AgentCase>> = {
  ...SINGLE_MODEL,
  ...multiModel(SINGLE_MODEL),
  ...multiModel(MORE_OF_MULTI_MODEL),
};

/** As KServe ships them. Without them, its code looks for other keys than it documents. */
const CREDENTIALS = {
  gcs: { gcsCredentialFileName: 'gcloud-application-credentials.json' },
  s3: { s3AccessKeyIDName: 'AWS_ACCESS_KEY_ID', s3SecretAccessKeyName: 'AWS_SECRET_ACCESS_KEY' },
};

/** The data of `inferenceservice-config` for a case. */
export function agentConfigOf({ logger }: AgentCase): Record<string, string> {
  const config = kserveSystemConfig();
  const ofLogger = JSON.parse(config['logger'] ?? '{}') as object;
  return {
    ...config,
    logger: JSON.stringify({ ...ofLogger, ...logger }),
    credentials: JSON.stringify(CREDENTIALS),
  };
}

/** The InferenceService of a case. */
export function askingService(name: string, { predictor, multiModel }: AgentCase): InferenceService {
  const container = {
    name: 'kserve-container',
    image: 'server',
    ports: [{ containerPort: 8080, protocol: 'TCP' }],
    ...(multiModel === true ? { env: [{ name: 'MULTI_MODEL_SERVER', value: 'true' }] } : {}),
  };
  return {
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name, namespace: 'default', annotations: { 'example.com/owner': 'us' } },
    spec: { predictor: { ...predictor, containers: [container] } },
  };
}
