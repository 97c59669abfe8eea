/** Bodies of reviews within the limits that cause as much work as this kind of input can. */
export interface CostlyReview {
  readonly name: string;
  readonly path: '/mutate-pods' | '/validate-trainedmodels';
  readonly body: Buffer;
}

const LABELS = '"labels":{"serving.kserve.io/inferenceservice":"sk","component":"predictor"}';
const SERVER = '{"name":"kserve-container"}';

function many(count: number, json: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => json(index)).join(',');
}

interface PodParts {
  readonly metadata?: string;
  readonly containers?: string;
  readonly spec?: string;
}

function pod(name: string, { metadata = '', containers = SERVER, spec = '' }: PodParts): CostlyReview {
  const object = `{"metadata":{"name":"p",${LABELS}${metadata}},"spec":{"containers":[${containers}]${spec}}}`;
  return { name, path: '/mutate-pods', body: reviewOf('Pod', 'CREATE', `"object":${object}`) };
}

function trainedModel(name: string, model: (which: string) => string): CostlyReview {
  const object = (which: string): string =>
    `{"metadata":{"name":"m"},"spec":{"inferenceService":"sk","model":{"storageUri":"s3://b/${which}",` +
    `"framework":"sklearn","memory":"1Mi",${model(which)}}}}`;
  const objects = `"object":${object('a')},"oldObject":${object('b')}`;
  return { name, path: '/validate-trainedmodels', body: reviewOf('TrainedModel', 'UPDATE', objects) };
}

function reviewOf(kind: string, operation: string, objects: string): Buffer {
  return Buffer.from(
    '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","kind":' +
      `{"kind":"${kind}"},"operation":"${operation}","namespace":"models",${objects}}}`,
  );
}

/** One for each list, map and text that is read, with the maximal number or length. */
export function costlyReviews(bounds: {
  readonly bytes: number;
  readonly values: number;
  readonly names: number;
}): readonly CostlyReview[] {
  const bytes = bounds.bytes - 2048;
  const values = bounds.values - 200;
  const names = Math.floor(bounds.names * 0.98);
  const times = (piece: string, length: number): string =>
    piece.repeat(Math.floor(length / Buffer.byteLength(piece)));
  const text = (piece: string): string => times(piece, bytes);
  const half = (piece: string): string => times(piece, bytes / 2);
  const queueProxy = (env: string): string => `${SERVER},{"name":"queue-proxy","env":[${env}]}`;
  const agentWith = (args: string): string =>
    `${SERVER},{"name":"agent","args":["--component-port",${args}],"ports":[{"containerPort":9081}]}`;
  const annotation = (key: string, value: string): string => `,"annotations":{"${key}":"${value}"}`;
  const istio = (json: string, piece: string): PodParts => ({
    metadata: annotation('sidecar.istio.io/status', json.replace('%', text(piece).slice(0, -1))),
    containers: `{"name":"istio-proxy"},${SERVER}`,
  });
  const kserve = 'internal.serving.kserve.io';
  return [
    pod('variables of queue-proxy', {
      containers: queueProxy(many(values / 3, (at) => `{"name":"E${at}","value":"x"}`)),
    }),
    pod('variables of queue-proxy without a value', {
      containers: queueProxy(many(values / 2, (at) => `{"name":"E${at}"}`)),
    }),
    pod('variables of queue-proxy that are all replaced', {
      containers: queueProxy(many(values / 3, () => '{"name":"USER_PORT","value":"x"}')),
    }),
    pod('variables of queue-proxy, each with a field of its own', {
      containers: queueProxy(many(names, (at) => `{"name":"E","x${at}":{"y":[1,2,3]}}`)),
    }),
    ...(
      [
        ['letters', 'v'],
        ['quotes', '\\"'],
        ['control characters', '\\u0001'],
        ['umlauts', 'ü'],
      ] as const
    ).flatMap(([what, piece]) => [
      pod(`one variable of queue-proxy of many ${what}`, {
        containers: queueProxy(`{"name":"E","value":"${text(piece)}"}`),
      }),
      pod(`a probe of many ${what}`, {
        containers: `{"name":"kserve-container","readinessProbe":{"httpGet":{"path":"${text(piece)}"}}}`,
      }),
      pod(`a model directory of many ${what}`, { metadata: annotation(`${kserve}/modelDir`, text(piece)) }),
      pod(`a ConfigMap's name of many ${what}`, {
        metadata: annotation(`${kserve}/configVolumeName`, text(piece)),
      }),
    ]),
    pod('annotations', { metadata: `,"annotations":{${many(names, (at) => `"k${at}":""`)}}` }),
    pod('annotations that are numbers', {
      metadata: `,"annotations":{${many(names, (at) => `"${(at * 1_000_003) % 4_000_000_000}":""`)}}`,
    }),
    pod('one annotation again and again', { metadata: `,"annotations":{${many(values, () => '"k":""')}}` }),
    pod('containers', { containers: `${SERVER},${many(values / 2, () => '{"name":"c"}')}` }),
    pod('containers named as an injected one', {
      containers: `{"name":"istio-proxy"},${many(values / 2, () => '{"name":"istio-proxy"}')}`,
    }),
    pod('containers with mounts', {
      containers: `${SERVER},${many(values / 4, () => '{"name":"c","volumeMounts":[]}')}`,
    }),
    pod('init containers', { spec: `,"initContainers":[${many(values / 2, () => '{"name":"c"}')}]` }),
    pod('volumes', { spec: `,"volumes":[${many(values / 2, (at) => `{"name":"v${at}"}`)}]` }),
    pod('mounts', {
      containers: `{"name":"kserve-container","volumeMounts":[${many(values / 3, () => '{"name":"v","mountPath":"/x"}')}]}`,
    }),
    pod('mounts of many slashes', {
      containers: `{"name":"kserve-container","volumeMounts":[${many(700, () => `{"name":"v","mountPath":"${'/'.repeat(bytes / 750)}"}`)}]}`,
    }),
    pod('arguments of an agent', {
      containers: agentWith(many(values - 50, () => '"a"')),
    }),
    pod('different arguments of an agent', {
      containers: agentWith(many(values - 50, (at) => `"a${at}"`)),
    }),
    ...(
      [
        ['letters', 'v'],
        ['line feeds', '\\n'],
        ['emoji', '😀'],
        ['halves of surrogate pairs', '\\ud800'],
      ] as const
    ).flatMap(([what, piece]) => [
      pod(`an argument of an agent of many ${what}`, { containers: agentWith(`"${text(piece)}"`) }),
      pod(`a status port of many ${what}`, { containers: agentWith(`"--status-port","${text(piece)}"`) }),
      pod(`a security context of many ${what}`, {
        containers: `{"name":"kserve-container","securityContext":{"x":"${text(piece)}"}}`,
      }),
      trainedModel(`a memory of many ${what}`, (which) => `"memory":"${which}${half(piece)}"`),
    ]),
    pod('different containers', { containers: `${SERVER},${many(values / 2, (at) => `{"name":"c${at}"}`)}` }),
    pod('a security context', {
      containers: `{"name":"kserve-container","securityContext":{"x":[${many(values, () => '1')}]}}`,
    }),
    pod("Istio's status: objects", istio('{\\"containers\\":[%]}', '{},')),
    pod("Istio's status: numbers", istio('{\\"containers\\":[%]}', '1,')),
    pod("Istio's status: names", istio('{\\"containers\\":[],%}', '\\"k\\":1,')),
    pod('objects', { spec: `,"x":[${many(values / 2, () => '{}')}]` }),
    pod('long numbers', { spec: `,"x":[${many(bytes / 80, () => `1.${'7'.repeat(70)}e-300`)}]` }),
    pod('one number', { spec: `,"x":${text('1')}` }),
    pod('names of 600 characters', {
      metadata: `,"annotations":{${many(names, (at) => `"${'a'.repeat(600)}${at}":""`)}}`,
    }),
    pod("a service account's name", { spec: `,"serviceAccountName":"${text('a')}"` }),
    trainedModel('a memory of many digits', () => `"memory":"${half('1')}"`),
    trainedModel('a URI of many parts', (which) => `"storageUri":"s3://${which}/${half('a/')}"`),
    trainedModel('a URI of many quotes', (which) => `"storageUri":"${which}${half('\\"')}"`),
    trainedModel(
      'a URI that is a list',
      (which) => `"storageUri":["${which}",${many(values / 4, () => '{}')}]`,
    ),
    trainedModel('a framework of many quotes', (which) => `"framework":["${which}${half('\\"')}"]`),
  ].map((review) => checked(review, bounds.bytes));
}

function checked(review: CostlyReview, bytes: number): CostlyReview {
  if (review.body.length > bytes) throw new Error(`${review.name}: ${review.body.length} bytes are too many`);
  return review;
}
