import { describe, expect, it } from '@jest/globals';
import type { EpochMs } from '../../../src/lib/clock.ts';
import { phaseOf } from '../../../src/agent/engine/model-phase.decide.ts';
import { readDesiredModels } from '../../../src/agent/config/desired-models.decide.ts';
import { endToEndHeaders } from '../../../src/agent/proxy/hop-by-hop.decide.ts';
import { inferenceTarget } from '../../../src/contract/model-target.ts';
import { markerContent, markerName, readMarker, specHash } from '../../../src/contract/model-marker.ts';
import { readComponentProbe } from '../../../src/agent/readiness-probe.decide.ts';
import { retryDelay } from '../../../src/agent/engine/retry-pace.decide.ts';

describe('the SUCCESS marker', () => {
  /** Printed by a Go program with KServe's AsSha256 and k8s.io/apimachinery v0.36.3. */
  const GO: readonly (readonly [string, string])[] = [
    ['1Gi', '236936151a667e72'],
    ['256Mi', '7becc66fa4050467'],
    ['1024Mi', '103d57d9d6b022f8'],
    ['500M', '2e866d6616f87626'],
    ['100m', '14ac5da61a29bee0'],
    ['1073741824', '0202911092852473'],
    ['0', '55e631de085476c3'],
  ];
  const spec = (memory: string) => ({ storageUri: 's3://b/m1?a=1&b<2>', framework: 'sklearn', memory });

  it.each(GO)("has the name that KServe's agent expects, memory %s", (memory, start) => {
    expect(markerName(spec(memory))).toMatch(new RegExp(`^SUCCESS\\.${start}[0-9a-f]{48}$`));
  });
  it("contains what Go's json.Marshal writes", () => {
    expect(markerContent(spec('0.5Gi'))).toBe(
      String.raw`{"storageUri":"s3://b/m1?a=1\u0026b\u003c2\u003e","framework":"sklearn","memory":"512Mi"}`,
    );
  });
  it('is read back unchanged', () => {
    expect(readMarker(markerContent(spec('1Gi')))).toEqual(spec('1Gi'));
  });
  it.each(['', '{', '[]', '{"storageUri":"x"}', '{"storageUri":1,"framework":"","memory":"1"}'])(
    'is invalid with the content %j',
    (text) => {
      expect(readMarker(text)).toBeUndefined();
    },
  );
  it('has the same name for equal specs', () => {
    expect(specHash(spec('1Gi'))).toBe(specHash(spec('1024Mi')));
    expect(specHash(spec('1Gi'))).not.toBe(specHash(spec('2Gi')));
  });
});

describe('readDesiredModels', () => {
  const one = (modelName: string) =>
    JSON.stringify([
      { modelName, modelSpec: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Gi' } },
    ]);
  it.each(['a', 'A_b-9', 'v1.2', 'constructor', '__proto__', 'x'.repeat(253)])(
    'accepts the name %s',
    (name) => {
      const read = readDesiredModels(one(name));
      expect(read.kind === 'good' && [...read.models.keys()]).toEqual([name]);
    },
  );
  it.each(['.', '..', '.hidden', 'a/b', '../a', 'a b', 'ä', 'a\0b', 'x'.repeat(254)])(
    'rejects the name %j',
    (name) => {
      expect(readDesiredModels(one(name)).kind).toBe('faulty');
    },
  );
  it('accepts an empty list', () => {
    expect(readDesiredModels('[]')).toEqual({ kind: 'good', models: new Map() });
  });
});

describe('readComponentProbe', () => {
  const tcp = (port: number, more = {}) => ({
    kind: 'tcp',
    host: '127.0.0.1',
    port,
    timeoutSeconds: 1,
    ...more,
  });
  const http = {
    kind: 'http',
    scheme: 'http',
    host: '127.0.0.1',
    port: 8080,
    path: '/',
    headers: [],
    timeoutSeconds: 1,
  };
  const TABLE: readonly (readonly [string | undefined, object, number])[] = [
    [undefined, tcp(8080), 0],
    ['', tcp(8080), 0],
    ['{', tcp(8080), 1],
    ['"text"', tcp(8080), 1],
    ['{"exec":{"command":["true"]}}', tcp(8080), 1],
    ['{"grpc":{"port":9000}}', tcp(8080), 1],
    ['{"tcpSocket":{"port":9000}}', tcp(9000), 0],
    [
      '{"tcpSocket":{"port":9000,"host":"10.0.0.1"},"timeoutSeconds":3}',
      tcp(9000, { host: '10.0.0.1', timeoutSeconds: 3 }),
      0,
    ],
    ['{"tcpSocket":{"port":"http"}}', tcp(8080), 1],
    ['{"tcpSocket":{"port":"9000"}}', tcp(9000), 0],
    ['{"tcpSocket":{"port":9081}}', tcp(8080), 1],
    ['{"tcpSocket":{"port":0}}', tcp(8080), 1],
    ['{"httpGet":{"port":8080}}', http, 0],
    ['[{"exec":{}},{"httpGet":{"port":8080}}]', http, 0],
    [
      '{"httpGet":{"path":"ready","port":8443,"scheme":"HTTPS","httpHeaders":[{"name":"a","value":"b"},7]},"timeoutSeconds":2}',
      { ...http, scheme: 'https', port: 8443, path: '/ready', headers: [['a', 'b']], timeoutSeconds: 2 },
      0,
    ],
  ];
  it.each(TABLE)('%s', (text, probe, remarks) => {
    const read = readComponentProbe(text, 8080, 9081);
    expect(read.probe).toEqual(probe);
    expect(read.remarks).toHaveLength(remarks);
  });
});

describe('a probe with a named port', () => {
  it('uses the component port and 8080, because one of them may use gRPC', () => {
    const { probe, alternatives } = readComponentProbe('{"httpGet":{"path":"/r","port":"http"}}', 9000, 9081);
    expect([probe, ...alternatives].map(({ port }) => port)).toEqual([9000, 8080]);
  });

  it.each(['{"httpGet":{"port":"http"}}', '{"tcpSocket":{"port":"http"}}', '{"httpGet":{"port":8081}}'])(
    'uses only one port for %s on 8080',
    (text) => {
      expect(readComponentProbe(text, 8080, 9081).alternatives).toEqual([]);
    },
  );
});

describe('inferenceTarget', () => {
  it.each([
    ['/v1/models/a:predict', 'a', 'predict'],
    ['/v1/models/a.b:explain?x=1', 'a.b', 'explain'],
    ['/v2/models/a/infer', 'a', 'infer'],
    ['/v2/models/a/versions/3/infer', 'a', 'infer'],
    ['/v2/models/a%20b/generate_stream', 'a b', 'generate'],
  ])('%s', (path, model, verb) => {
    expect(inferenceTarget(path)).toEqual({ model, verb });
  });
  it.each([
    '/',
    '/v1/models',
    '/v1/models/a',
    '/v2/models/a/ready',
    '/v2/models//infer',
    '/v2/models/%/infer',
    '/x/v2/models/a/infer',
  ])('%s is rejected', (path) => {
    expect(inferenceTarget(path)).toBeUndefined();
  });
});

describe('endToEndHeaders', () => {
  it('drops hop-by-hop headers and those that Connection lists', () => {
    const raw = [
      'Connection',
      'close, X-Secret',
      'X-Secret',
      '1',
      'Keep-Alive',
      '5',
      'TE',
      'gzip',
      'A',
      '1',
      'a',
      '2',
    ];
    expect(endToEndHeaders(raw)).toEqual(['A', '1', 'a', '2']);
  });
  it('never lets Connection remove a header that frames or addresses the message', () => {
    const raw = ['Connection', 'content-length, host', 'Content-Length', '3', 'Host', 'h'];
    expect(endToEndHeaders(raw)).toEqual(['Content-Length', '3', 'Host', 'h']);
  });
});

describe('retryDelay', () => {
  const middle = () => 0.5;
  it.each([
    ['soon', 1, 0, 750],
    ['soon', 4, 0, 6_000],
    ['soon', 5_000, 0, 45_000],
    ['refused', 20, 0, 225_000],
    ['rarely', 1, 0, 225_000],
    ['soon', 1, 30_000, 30_000],
    ['soon', 1, 1e12, 3_600_000],
  ] as const)('%s, attempt %d, at least %d ms: %d ms', (pace, attempt, atLeast, expected) => {
    expect(retryDelay(pace, attempt, middle, atLeast)).toBe(expected);
  });
});

describe('phaseOf', () => {
  const A = { storageUri: 'a', framework: 'f', memory: '1' };
  const B = { storageUri: 'b', framework: 'f', memory: '1' };
  const retryAt = 5 as EpochMs;
  const failure = {
    spec: A,
    step: 'load',
    reason: 'R',
    message: 'm',
    retryAt,
    refetch: false,
    serverAway: false,
  } as const;
  const base = {
    desired: A,
    stored: undefined,
    staged: undefined,
    previous: undefined,
    served: { kind: 'absent' },
    failure: undefined,
    fallbackFailure: undefined,
    parked: false,
    residence: 'memory',
  } as const;
  const rest = { fetch: 'none', serve: 'none', bytes: 0, proved: undefined } as const;
  const TABLE: readonly (readonly [string, object, object, string])[] = [
    ['wanted', {}, rest, 'Queued'],
    ['waiting for a slot', {}, { ...rest, fetch: 'queued' }, 'Queued'],
    ['arriving', {}, { ...rest, fetch: 'running', bytes: 7 }, 'Downloading'],
    ['arrived', { staged: A }, rest, 'Loading'],
    ['in place', { stored: A }, rest, 'Loading'],
    ['loading', { stored: A }, { ...rest, serve: 'running' }, 'Loading'],
    ['loaded', { stored: A, served: { kind: 'loaded', spec: A } }, rest, 'Loaded'],
    ['the old version loaded', { stored: B, served: { kind: 'loaded', spec: B } }, rest, 'Queued'],
    ['failed', { failure }, rest, 'Failed'],
    ['failed, with a retry pending', { failure }, { ...rest, fetch: 'running' }, 'Downloading'],
    ['another version failed', { failure: { ...failure, spec: B } }, rest, 'Queued'],
    ['asleep, never loaded', { stored: A, residence: 'rest' }, rest, 'Queued'],
    ['asleep', { stored: A, residence: 'rest' }, { ...rest, proved: specHash(A) }, 'Standby'],
    ['asleep, without files', { residence: 'rest' }, { ...rest, proved: specHash(A) }, 'Remote'],
    [
      'asleep, another version wanted',
      { stored: B, residence: 'rest' },
      { ...rest, proved: specHash(B) },
      'Queued',
    ],
    ['not wanted', { desired: undefined, stored: A }, rest, 'Unloading'],
  ];
  it.each(TABLE)('%s', (_name, known, activity, phase) => {
    expect(phaseOf({ ...base, ...known }, { ...rest, ...activity }).phase).toBe(phase);
  });
});
