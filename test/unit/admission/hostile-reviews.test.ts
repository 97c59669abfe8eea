import { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { silentLogger } from '../../../src/lib/log.ts';
import type { ObjectCache } from '../../../src/contract/kubernetes.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';
import { mutatePods } from '../../../src/admission/mutate-pods.ts';
import { NO_CREDENTIALS } from '../../../src/admission/pod-credentials.ts';
import type { AdmissionHandler } from '../../../src/admission/review-endpoint.ts';
import { validateTrainedModels } from '../../../src/admission/validate-trained-models.ts';
import { answeredReview, call } from '../../support/admission-client.ts';
import { startLoopbackServer } from '../../support/admission-server.ts';

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const multiModel = {
  metadata: { name: 'sk', namespace: 'models' },
  spec: { predictor: { sklearn: {} } },
} as unknown as InferenceService;

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    generateName: 'p-',
    namespace: 'models',
    labels: { 'serving.kserve.io/inferenceservice': 'sk', component: 'predictor' },
    annotations: { 'internal.serving.kserve.io/modelDir': '/mnt/models' },
  },
  spec: {
    serviceAccountName: 'storage',
    initContainers: [{ name: 'init', image: 'i' }],
    containers: [
      {
        name: 'kserve-container',
        image: 'i',
        args: ['a'],
        env: [
          { name: 'A', value: 'b' },
          { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
        ],
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: true }],
        readinessProbe: { httpGet: { path: '/', port: 8080 } },
        securityContext: { runAsUser: 1 },
        resources: { limits: { cpu: '1' } },
      },
      { name: 'queue-proxy', env: [{ name: 'USER_PORT', value: '8080' }] },
      {
        name: 'agent',
        args: ['--component-port', '8080'],
        ports: [{ name: 'agent-port', containerPort: 9081 }],
      },
    ],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'model-config', configMap: { name: 'modelconfig-sk-0' } },
      { name: 'secret', secret: { secretName: 's' } },
    ],
  },
};

const trainedModel = {
  apiVersion: 'serving.kserve.io/v1alpha1',
  kind: 'TrainedModel',
  metadata: {
    ...{ name: 'm', namespace: 'models', creationTimestamp: '2026-01-01T00:00:00Z' },
    ...{ deletionTimestamp: null, labels: { a: 'b' } },
  },
  spec: { inferenceService: 'sk', model: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Mi' } },
};

const requestOf = (kind: string, object: Json, operation: string): Json => ({
  ...{ uid: 'uid-1', kind: { group: '', version: 'v1', kind }, resource: { resource: 'pods' }, operation },
  ...{ name: 'p', namespace: 'models', dryRun: false, object, oldObject: object },
});

const reviewWith = (request: Json): Json => ({
  ...{ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request },
});

/** Values of each JSON type, and those that break careless handling of a string or object. */
const VALUES: readonly Json[] = [
  ...[null, true, 0, -1, 1e308, '', 'x', '../secrets', '%2e%2e', '\u0000', '\ud800'],
  ...[[], [null], [[]], {}, { name: {} }, { toString: 1, valueOf: 1 }, { length: -1 }, { then: 1 }],
];

/** Yields the document with the value at each of its places in turn, and without what is there. */
function* variants(document: Json, put: readonly (Json | undefined)[]): Generator<Json> {
  for (const value of put) if (value !== undefined) yield value;
  if (typeof document !== 'object' || document === null) return;
  for (const key of Object.keys(document)) {
    const inner = (document as Record<string, Json>)[key]!;
    const replaced = (value: Json | undefined): Json =>
      Array.isArray(document)
        ? document.map((each, index) => (String(index) === key ? (value ?? null) : each))
        : ({ ...document, [key]: value } as Json);
    if (put.includes(undefined)) yield replaced(undefined);
    for (const value of variants(inner, put)) yield replaced(value);
  }
}

/** Yields twenty at a time, because each takes a connection. */
function* batches<T>(all: Iterable<T>): Generator<T[]> {
  const list = [...all];
  while (list.length > 0) yield list.splice(0, 20);
}

/** Yields the document with each of its strings replaced in turn. */
function* withText(document: Json, text: string): Generator<Json> {
  if (typeof document === 'string') yield text;
  if (typeof document !== 'object' || document === null) return;
  for (const [key, inner] of Object.entries(document)) {
    for (const value of withText(inner, text)) {
      yield Array.isArray(document)
        ? document.map((each, index) => (String(index) === key ? value : each))
        : { ...document, [key]: value };
    }
  }
}

describe('a review from an untrusted client', () => {
  const cache = {
    get: (key: string) => (key === 'models/sk' ? multiModel : undefined),
  } as unknown as ObjectCache<InferenceService>;
  const handlers = new Map<string, AdmissionHandler>([
    [
      '/mutate-pods',
      mutatePods({
        inferenceServices: cache,
        readInferenceService: () => Promise.resolve(undefined),
        credentials: NO_CREDENTIALS,
        systemConfig: () => DEFAULT_SYSTEM_CONFIG,
        callerIsKnown: true,
        logger: silentLogger,
        observe: () => undefined,
      }),
    ],
    [
      '/validate-trainedmodels',
      validateTrainedModels({
        surroundings: () =>
          Promise.resolve({ inferenceService: multiModel, waiting: undefined, remarks: [] }),
        allowMemoryChanges: false,
        callerIsKnown: true,
        logger: silentLogger,
      }),
    ],
  ]);
  const agent = new Agent({ keepAlive: true });
  let server: Awaited<ReturnType<typeof startLoopbackServer>>;
  beforeAll(async () => {
    server = await startLoopbackServer({ handlers });
  });
  afterAll(async () => {
    agent.destroy();
    await server.stop();
  });

  const [pods, models] = ['/mutate-pods', '/validate-trainedmodels'];
  const CASES = [
    [pods, requestOf('Pod', pod, 'CREATE')],
    [models, requestOf('TrainedModel', trainedModel, 'CREATE')],
    [models, requestOf('TrainedModel', trainedModel, 'UPDATE')],
  ] as const;

  it.each(CASES)(
    'a value of another type is answered, and never with a failure: %s',
    async (path, request) => {
      const seen = new Set<number>();
      for (const some of batches(variants(reviewWith(request), [...VALUES, undefined]))) {
        await Promise.all(
          some.map(async (variant) => {
            const answer = await call(server, { path, agent, body: JSON.stringify(variant) });
            const code = answeredReview(answer).status?.code ?? 200;
            seen.add(code);
            if (code >= 500 || answer.status >= 500) {
              throw new Error(`${answer.text} to ${JSON.stringify(variant)}`);
            }
          }),
        );
      }
      expect([...seen]).toEqual(expect.arrayContaining([200, 400]));
    },
  );

  /** With a pattern of quadratic time, one review takes 15 s. Without one it takes some milliseconds. */
  it.each([
    ['slashes', `${'/'.repeat(1e5)}x`],
    ['colons', `a://${':'.repeat(1e5)}`],
    ['digits', '1'.repeat(1e5)],
    ['dots', 'a.'.repeat(5e4)],
    ['blanks', `${' '.repeat(1e5)}x`],
    ['at signs', `s3://${'@'.repeat(1e5)}`],
  ])('a text of 100,000 characters is answered in time: %s', async (_name, text) => {
    for (const [path, request] of CASES) {
      for (const variant of withText((request as Record<string, Json>)['object']!, text)) {
        const changed = { ...(request as Record<string, Json>), object: variant, oldObject: null };
        const answer = await call(server, {
          path: `${path}?timeout=5s`,
          agent,
          body: JSON.stringify(reviewWith(changed)),
        });
        expect(answer.status).toBe(200);
        expect(answeredReview(answer).status?.code ?? 200).toBeLessThan(500);
      }
    }
  });
});
