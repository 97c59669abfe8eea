import { describe, expect, it } from '@jest/globals';
import type { HttpAnswer, HttpCall } from '../../../src/agent/model-server/http-call.ts';
import { v2Adapter } from '../../../src/agent/model-server/v2.ts';

const SETTINGS = {
  hidden: () => false,
  showAll: () => Promise.resolve(),
  during: <T>(_name: string, _directory: string, _framework: string, work: () => Promise<T>) => work(),
};
const SPEC = { storageUri: 's3://b/m', framework: 'sklearn', memory: '1' };
const answers = (status: number, body = '{}'): HttpAnswer => ({ kind: 'answer', status, body });
const none = (code: string): HttpAnswer => ({ kind: 'none', code, message: code });
/** ModelNotReady in KServe's Python model server 0.17. */
const NOT_READY = answers(503, '{"error":"Model with name m is not ready."}');
const REFUSED = { kind: 'refused', reason: 'LoadFailed' };
const AWAY = { kind: 'unavailable', reason: 'ModelServerUnavailable' };

function adapterOf(load: HttpAnswer, live: HttpAnswer) {
  const call: HttpCall = (_method, path) =>
    Promise.resolve(path.endsWith('/load') ? load : path === '/v2/health/live' ? live : answers(200));
  return v2Adapter(call, SETTINGS);
}

describe('the response to a load', () => {
  const TABLE: readonly (readonly [string, HttpAnswer, HttpAnswer, object])[] = [
    ['503 from a live server is a failed load', NOT_READY, answers(200), REFUSED],
    ['503 from a server that is not live', NOT_READY, answers(503), AWAY],
    ['503 from a server without the liveness path', NOT_READY, answers(404), AWAY],
    ['503, and then no response', NOT_READY, none('ECONNRESET'), AWAY],
    ['503, and then a timeout', NOT_READY, none('ETIMEDOUT'), { ...AWAY, reason: 'ModelServerTimeout' }],
    ['503, and then no process listens', NOT_READY, none('ECONNREFUSED'), { ...AWAY, gone: true }],
    ['429 is never a failed load', answers(429), answers(200), AWAY],
    ['no response', none('ECONNRESET'), answers(200), AWAY],
    ['500', answers(500, 'no'), answers(503), REFUSED],
    // MLServer 1.7.1 with a killed worker.
    [
      '500 from a server whose worker was killed',
      answers(500, '{"error":"Worker process stopped unexpectedly with exit code 9."}'),
      answers(200),
      { ...REFUSED, killed: true },
    ],
  ];
  it.each(TABLE)('%s', async (_name, load, live, expected) => {
    expect(await adapterOf(load, live).load('m', '/m', SPEC)).toMatchObject(expected);
  });

  it('contains the message of the server, shortened if it is long', async () => {
    const refused = await adapterOf(NOT_READY, answers(200)).load('m', '/m', SPEC);
    expect(refused).toMatchObject({
      ...REFUSED,
      message: 'the model server answered 503: Model with name m is not ready.',
    });
    const long = answers(503, JSON.stringify({ error: 'x'.repeat(10_000) }));
    const cut = await adapterOf(long, answers(200)).load('m', '/m', SPEC);
    expect(JSON.stringify(cut).length).toBeLessThan(600);
  });
});

describe('the name of the server', () => {
  /** The number of requests for the name, with two concurrent loads and a later one. */
  async function questions(name: HttpAnswer): Promise<number> {
    let asked = 0;
    const adapter = v2Adapter((_method, path) => {
      if (path !== '/v2') return Promise.resolve(answers(200));
      asked += 1;
      return Promise.resolve(name);
    }, SETTINGS);
    await Promise.all([adapter.load('a', '/a', SPEC), adapter.load('b', '/b', SPEC)]);
    await adapter.load('c', '/c', SPEC);
    return asked;
  }

  it.each<[string, HttpAnswer, number]>([
    ['once', answers(200, '{"name":"mlserver"}'), 1],
    ['once without a name', answers(200, 'words'), 1],
    ['again after no response', none('ECONNRESET'), 2],
    ['again after an error', answers(503), 2],
  ])('is requested %s', async (_times, name, times) => {
    expect(await questions(name)).toBe(times);
  });
});

describe('whether the metadata names a model repository', () => {
  const TABLE: readonly (readonly [string, HttpAnswer, boolean])[] = [
    [
      'KServe’s Python servers',
      answers(200, '{"name":"kserve","extensions":["model_repository_extension"]}'),
      true,
    ],
    ['Triton', answers(200, '{"name":"triton","extensions":["classification","model_repository"]}'), true],
    ['a server without the extension', answers(200, '{"name":"mlserver","extensions":[]}'), false],
    ['no extensions', answers(200, '{"name":"mine"}'), false],
    ['no metadata', answers(404, 'Not Found'), false],
    ['no answer', none('ECONNRESET'), false],
  ];
  it.each(TABLE)('%s', async (_name, metadata, expected) => {
    expect(await v2Adapter(() => Promise.resolve(metadata), SETTINGS).saysRepository()).toBe(expected);
  });
});

describe('the memory that the server uses', () => {
  const said = answers(200, 'process_resident_memory_bytes 1000\n');
  const memoryOf = (metrics: readonly HttpAnswer[], seen: number | undefined) => {
    const turns = metrics.values();
    const call: HttpCall = (_method, path) =>
      Promise.resolve(path === '/metrics' ? (turns.next().value ?? answers(404)) : answers(200));
    const { memory } = v2Adapter(call, SETTINGS, { ofProcess: () => Promise.resolve(seen) });
    return memory;
  };

  it.each([
    ['its own metric takes precedence', said, 2000, { bytes: 1000, source: 'server' }],
    ['the kernel’s value without a metric', answers(404), 2000, { bytes: 2000, source: 'process' }],
    ['nothing', none('ECONNREFUSED'), undefined, undefined],
  ])('%s', async (_name, metrics, seen, expected) => {
    expect(await memoryOf([metrics], seen)()).toEqual(expected);
  });

  it('does not use the kernel’s value for a server that is temporarily busy', async () => {
    const memory = memoryOf([said, none('ETIMEDOUT')], 2000);
    await memory();
    expect(await memory()).toBeUndefined();
  });
});
