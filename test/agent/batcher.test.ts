import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { eventually } from '../support/eventually.ts';
import { type KServeAgent, startKServeAgent, KSERVE_AGENT_STARTS_WITHIN } from '../support/kserve-agent.ts';
import { type OwnAgent, startOwnAgent } from '../support/own-agent.ts';

jest.setTimeout(KSERVE_AGENT_STARTS_WITHIN);

const MODELS = ['a', 'b', 'c', 'd', 'e'];
const CALLERS = 32;
const FLAGS = ['--enable-batcher', '--max-batchsize', String(CALLERS), '--max-latency', '2000'];

interface Answer {
  readonly message: string;
  readonly batchId: string;
  readonly predictions: readonly (string | number)[] | null;
}

describe("the batcher compared with that of KServe's agent", () => {
  let component: Server;
  let calls: { readonly path: string; readonly size: number }[] = [];
  let theirs: KServeAgent;
  let ours: OwnAgent;

  beforeAll(async () => {
    // A model server whose predictions name the model that made them.
    component = createServer((incoming, outgoing) => {
      const path = incoming.url ?? '';
      void text(incoming).then((body) => {
        const { instances } = JSON.parse(body) as { instances: unknown[] };
        calls.push({ path, size: instances.length });
        if (path.includes('broken')) outgoing.writeHead(503).end('{"error":"no room"}');
        else if (path.includes('short')) outgoing.end('{"predictions":[1]}');
        else if (path.includes('mute')) outgoing.end('not json');
        else outgoing.end(JSON.stringify({ predictions: instances.map((one) => `${path} ${String(one)}`) }));
      });
    }).listen(0, '127.0.0.1');
    await once(component, 'listening');
    const { port } = component.address() as AddressInfo;
    theirs = await startKServeAgent(port, FLAGS);
    ours = await startOwnAgent(port, FLAGS);
  });
  afterAll(async () => {
    await ours.stop();
    await theirs.stop();
    component.close();
    component.closeAllConnections();
  });
  beforeEach(() => {
    calls = [];
  });

  const pathOf = (model: string) => `/v1/models/${model}:predict`;

  async function predict(port: number, model: string, instances: readonly unknown[]) {
    const url = `http://127.0.0.1:${port}${pathOf(model)}`;
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify({ instances }) });
    return { status: answer.status, body: (await answer.json()) as Answer };
  }

  /** Each caller's model and number, with the answer. */
  function all(port: number) {
    const callers = MODELS.flatMap((model) =>
      Array.from({ length: CALLERS }, (_, number) => ({ model, number })),
    );
    // The models take turns, as with requests of several clients.
    const mixed = callers.sort((one, other) => one.number - other.number);
    return Promise.all(
      mixed.map(async ({ model, number }) => ({ model, number, got: await predict(port, model, [number]) })),
    );
  }

  it("gives each caller its own model's prediction, with one call per full batch", async () => {
    const answers = await all(ours.port);
    for (const { model, number, got } of answers) {
      expect(got.status).toBe(200);
      expect(got.body).toEqual({
        message: '',
        batchId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        predictions: [`${pathOf(model)} ${number}`],
      });
    }
    const bySort = (one: { path: string }, other: { path: string }) => (one.path < other.path ? -1 : 1);
    expect(calls.sort(bySort)).toEqual(MODELS.map((model) => ({ path: pathOf(model), size: CALLERS })));
    const ids = new Set(answers.map(({ model, got }) => `${model} ${got.body.batchId}`));
    expect(ids.size).toBe(MODELS.length);
  });

  it('refuses a body above the limit, and continues', async () => {
    const url = `http://127.0.0.1:${ours.port}${pathOf('a')}`;
    const body = `{"instances":["${'x'.repeat(64 * 1024 * 1024)}"]}`;
    const refused = await fetch(url, { method: 'POST', body });
    expect([refused.status, await refused.text()]).toEqual([413, expect.stringContaining('64 MiB')]);
    expect(calls).toEqual([]);
    expect((await predict(ours.port, 'a', [1])).status).toBe(200);
  });

  it("does not mix models, unlike KServe's agent, which sends a batch to the path of its last request", async () => {
    const answers = await all(theirs.port);
    const wrong = answers.filter(
      ({ model, got }) => got.body.predictions?.[0]?.toString().startsWith(`${pathOf(model)} `) !== true,
    );
    expect(wrong.length).toBeGreaterThan(0);
    for (const { got } of wrong) expect(got.status).toBe(200);
  });

  it('answers like KServe where KServe is right', async () => {
    for (const instances of [[1], [1, 2, 3], Array.from({ length: 40 }, (_, index) => index)]) {
      const [kserve, mms] = await Promise.all([
        predict(theirs.port, 'a', instances),
        predict(ours.port, 'a', instances),
      ]);
      const { batchId } = kserve.body;
      expect({ ...mms, body: { ...mms.body, batchId } }).toEqual(kserve);
    }
  });

  it.each([
    ['no JSON', '{'],
    ['no instances', '{}'],
    ['none in the list', '{"instances":[]}'],
    ['instances that are no list', '{"instances":1}'],
    ['null', 'null'],
    ['a list', '[]'],
    ['nothing', ''],
    ['a number that is too large', '{"instances":[1e400]}'],
    ['a number that is too small', '{"instances":[-1E+00400]}'],
    ['a long number that is too large', `{"instances":[${'9'.repeat(250)}e99]}`],
    ['a byte order mark', '\ufeff{"instances":[1]}'],
    ['two values', '{"instances":[1]}{}'],
    ['instances that are taken back', '{"instances":[1],"Instances":null}'],
    ['NaN', '{"instances":[NaN]}'],
  ])('refuses like KServe: %s', async (_, body) => {
    const ask = async (port: number) => {
      const answer = await fetch(`http://127.0.0.1:${port}${pathOf('a')}`, { method: 'POST', body });
      return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
    };
    const [kserve, mms] = await Promise.all([ask(theirs.port), ask(ours.port)]);
    expect(mms).toEqual(kserve);
    expect(mms.status).toBe(400);
  });

  it.each([
    ['other upper and lower case', '{"Instances":[1]}', pathOf('a')],
    ['two names', '{"instances":[1],"INSTANCES":[2]}', pathOf('a')],
    ['large numbers', '{"instances":[1e300,12345678901234567890,0.1]}', pathOf('a')],
    ['extra members', '{"signature":"x","instances":[{"__proto__":{"a":1}}]}', pathOf('a')],
    ['a percent-encoded path', '{"instances":[1]}', '/v1/models/a%3Apredict'],
  ])('answers like KServe to %s', async (_, body, path) => {
    const ask = async (port: number) => {
      calls = [];
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body });
      return {
        answer: { ...((await answer.json()) as Answer), batchId: '' },
        sizes: calls.map(({ size }) => size),
      };
    };
    const [kserve, mms] = [await ask(theirs.port), await ask(ours.port)];
    const decoded = JSON.parse(JSON.stringify(mms).replaceAll('%3A', ':')) as unknown;
    expect(decoded).toEqual(kserve);
  });

  it.each([
    ['broken', 503],
    ['short', 502],
    ['mute', 502],
  ])('passes the status and message of the model server to each caller: %s', async (model, status) => {
    const [kserve, ...mms] = await Promise.all([
      predict(theirs.port, model, [1, 2]),
      predict(ours.port, model, [1, 2]),
      predict(ours.port, model, [3]),
    ]);
    expect(kserve.status).toBe(200);
    for (const { status: got, body } of mms) {
      expect(got).toBe(status);
      expect(body.predictions).toBeNull();
      if (model !== 'mute') expect(body.message).toBe(kserve.body.message);
    }
  });

  it('sends no batch above its maximal size', async () => {
    await Promise.all([20, 20, 20].map((size) => predict(ours.port, 'a', Array<number>(size).fill(1))));
    expect(calls.map(({ size }) => size)).toEqual([20, 20, 20]);
  });

  it('sends an incomplete batch once its first request has waited', async () => {
    const began = performance.now();
    await Promise.all([predict(ours.port, 'a', [1]), predict(ours.port, 'a', [2])]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1_990);
    expect(calls).toEqual([{ path: pathOf('a'), size: 2 }]);
  });

  it('removes a caller that disconnects from its batch', async () => {
    const body = JSON.stringify({ instances: ['gone'] });
    const leaving = connect(ours.port, '127.0.0.1');
    const request = `POST ${pathOf('a')} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    await new Promise((resolve) => leaving.write(request, resolve));
    const counted = async (): Promise<number> =>
      Number(/_requests_total\{[^}]*code="499"\} (\d+)/.exec(await ours.metrics())?.[1] ?? 0);
    const staying = predict(ours.port, 'a', ['here']);
    leaving.destroy();
    expect((await staying).body.predictions).toEqual([`${pathOf('a')} here`]);
    await eventually(async () => expect(await counted()).toBeGreaterThan(0));
    expect(calls).toEqual([{ path: pathOf('a'), size: 1 }]);
  });

  it('passes other requests through unchanged', async () => {
    const answer = await fetch(`http://127.0.0.1:${ours.port}/v2/models/a/infer`, {
      method: 'POST',
      body: '{"instances":[1]}',
    });
    expect(await answer.json()).toEqual({ predictions: ['/v2/models/a/infer 1'] });
  });
});
