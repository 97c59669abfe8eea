import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  status,
} from '@grpc/grpc-js';
import { INFERENCE_SERVICE, inferenceClient, inferRequest } from '../support/grpc-inference.ts';
import { eventually } from '../support/eventually.ts';
import { type KServeAgent, startKServeAgent, KSERVE_AGENT_STARTS_WITHIN } from '../support/kserve-agent.ts';
import { LOGGED_REQUESTS, sendLogged, startLoggedComponent } from '../support/log-requests.ts';
import { type LogSinkServer, startLogSink, type SunkEvent } from '../support/log-sink.ts';
import { type OwnAgent, startOwnAgent } from '../support/own-agent.ts';

jest.setTimeout(KSERVE_AGENT_STARTS_WITHIN);

const FLAGS = [
  ...['--source-uri', 'pod-a', '--log-mode', 'all', '--inference-service', 'isvc', '--namespace', 'ns'],
  ...['--endpoint', '', '--component', 'predictor', '--metadata-headers', 'X-Request-Id,X-Team'],
  ...['--metadata-annotations', 'a.b/c=d e,owner=<me & you>', '--logger-tls-skip-verify', 'false'],
];

describe("the logger compared with that of KServe's agent", () => {
  let component: Awaited<ReturnType<typeof startLoggedComponent>>;
  const sinks: LogSinkServer[] = [];
  let theirs: KServeAgent;
  let ours: OwnAgent;

  beforeAll(async () => {
    component = await startLoggedComponent();
    const { port } = component;
    const [one, other] = [await startLogSink(), await startLogSink()];
    sinks.push(one, other);
    theirs = await startKServeAgent(port, ['--log-url', one.url, ...FLAGS]);
    ours = await startOwnAgent(port, ['--log-url', other.url, ...FLAGS]);
  });
  afterAll(async () => {
    await ours.stop();
    await theirs.stop();
    for (const sink of sinks) sink.close();
    component.close();
  });

  it('sends the same events for the same 200 requests', async () => {
    const logged = { theirs: 0 };
    for (const sent of LOGGED_REQUESTS) {
      const [kserve, mms] = await Promise.all([sendLogged(theirs.port, sent), sendLogged(ours.port, sent)]);
      expect(mms).toEqual(kserve);
      logged.theirs += kserve.status === 200 ? 2 : 1;
    }
    const [kserve, mms] = await Promise.all(sinks.map((sink) => eventsOf(sink, logged.theirs)));
    expect(mms).toEqual(kserve);
    expect(logged.theirs).toBeGreaterThan(350);
  });

  it('makes one id for both events when the client gave none', async () => {
    for (const sink of sinks) sink.events.length = 0;
    const sent = { ...LOGGED_REQUESTS[0]!, headers: { 'content-type': 'application/json' } };
    await Promise.all([sendLogged(theirs.port, sent), sendLogged(ours.port, sent)]);
    for (const sink of sinks) {
      await eventsOf(sink, 2);
      const ids = sink.events.map(({ headers }) => headers['ce-id']);
      expect(new Set(ids).size).toBe(1);
      expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      for (const { headers } of sink.events)
        expect(Math.abs(Date.parse(String(headers['ce-time'])) - Date.now())).toBeLessThan(60_000);
    }
  });
});

describe('the gRPC logger', () => {
  /** Echoes messages, and refuses unknown methods. */
  async function startGrpcServer(): Promise<{ readonly port: number; readonly server: Server }> {
    const server = new Server();
    const echo: handleUnaryCall<Buffer, Buffer> = ({ request }, done) => done(null, request);
    const refuse: handleUnaryCall<Buffer, Buffer> = (_, done) => done({ code: status.NOT_FOUND });
    const echoAll: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
      call.on('data', (part: Buffer) => call.write(part)).on('end', () => call.end());
    };
    const { ModelInfer, ModelReady, ModelStreamInfer } = INFERENCE_SERVICE;
    server.addService(
      { ModelInfer, ModelReady, ModelStreamInfer },
      {
        ...{ ModelInfer: echo, ModelReady: refuse, ModelStreamInfer: echoAll },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return { port, server };
  }

  it('sends the same events: messages as bytes, also of failed calls', async () => {
    const { port, server } = await startGrpcServer();
    const sinks = [await startLogSink(), await startLogSink()] as const;
    const theirs = await startKServeAgent(port, ['--log-url', sinks[0].url, ...FLAGS]);
    const ours = await startOwnAgent(port, ['--log-url', sinks[1].url, ...FLAGS]);
    const clients = [theirs, ours].map((agent) => inferenceClient(agent.port));
    try {
      for (const client of clients) {
        const metadata = new Metadata();
        metadata.set('ce-id', 'of-the-client');
        metadata.set('x-team', 'one');
        const request = inferRequest('m', [1, 2], 100_000);
        const answer = await client.call('ModelInfer', request, {}, metadata);
        expect(answer).toEqual(request);
        const missing = client.call('ModelReady', inferRequest('none'), {}, metadata);
        await expect(missing).rejects.toMatchObject({ code: status.NOT_FOUND });
        const parts = [inferRequest('a'), inferRequest('b')];
        expect(await client.stream(parts)).toEqual(parts);
      }
      const [kserve, mms] = await Promise.all(sinks.map((sink) => eventsOf(sink, 6)));
      expect(mms!.map(withoutMadeId).sort()).toEqual(kserve!.map(withoutMadeId).sort());
      expect(mms!.filter((event) => event.includes('"of-the-client"'))).toHaveLength(4);
      expect(mms!.filter((event) => event.includes('application/grpc'))).toHaveLength(6);
    } finally {
      for (const client of clients) client.close();
      await ours.stop();
      await theirs.stop();
      for (const sink of sinks) sink.close();
      server.forceShutdown();
    }
  });
});

/** Each agent makes its own ids. */
function withoutMadeId(event: string): string {
  return event.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, 'made');
}

/** The events without the headers of the connection or the time, in an order that does not depend on the workers. */
async function eventsOf(sink: LogSinkServer, count: number): Promise<string[]> {
  await eventually(() => {
    if (sink.events.length < count) throw new Error(`${sink.events.length} of ${count} events`);
    return Promise.resolve();
  }, 20_000);
  return sink.events.map(comparable).sort();
}

const OF_THE_CONNECTION = new Set([
  'host',
  'connection',
  'user-agent',
  'accept-encoding',
  'traceparent',
  'ce-time',
  'transfer-encoding',
]);

/** KServe writes nanoseconds. */
function timeIn(value: unknown): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(String(value))
    ? 'a time'
    : `no time: ${String(value)}`;
}

function comparable({ headers, body }: SunkEvent): string {
  const kept = Object.entries(headers)
    .filter(([name]) => !OF_THE_CONNECTION.has(name))
    .map(([name, value]) => [name, name === 'ce-recordedtime' ? timeIn(value) : value] as const);
  return JSON.stringify([kept.sort(([one], [other]) => (one < other ? -1 : 1)), body.toString('base64')]);
}
