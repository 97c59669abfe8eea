import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { type CertificateFiles, certificateFiles } from '../support/certificate-files.ts';
import { eventually } from '../support/eventually.ts';
import { kservePrograms } from '../support/kserve-programs.ts';
import { startLogSink } from '../support/log-sink.ts';
import { startModelSource } from '../support/model-source.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import { type OwnAgent, startOwnAgent } from '../support/own-agent.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { startV2Server } from '../support/v2-server.ts';

const PREDICT = '/v1/models/m:predict';

/** A server on a free port. */
async function serve(listener: RequestListener, tls?: CertificateFiles) {
  const server =
    tls === undefined ? createServer(listener) : createTlsServer({ cert: tls.cert, key: tls.key }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * The effect of each flag of KServe's agent on ours, observed from outside the process. These tests compare it with
 * KServe's agent: logger-beside-kserve, logger-objects, batcher, proxy-beside-kserve and called-as-upstream.
 */
describe("each flag of KServe's agent", () => {
  let component: Awaited<ReturnType<typeof serve>>;
  let store: TestS3;
  let certificate: CertificateFiles;
  let help = '';
  /** The number of instances in each call to the component. */
  let calls: number[] = [];

  beforeAll(async () => {
    component = await serve((incoming, outgoing) => {
      void text(incoming).then((body) => {
        const { instances } = JSON.parse(body) as { instances: unknown[] };
        calls.push(instances.length);
        outgoing.end(JSON.stringify({ predictions: instances }));
      });
    });
    store = await startS3();
    await store.client.send(new CreateBucketCommand({ Bucket: 'logs' }));
    certificate = await certificateFiles();
    const { agent } = await kservePrograms();
    help = await new Promise((resolve) => {
      execFile(agent, ['--help'], (_error, stdout, stderr) => resolve(stdout + stderr));
    });
  });
  afterAll(async () => {
    component.close();
    await certificate.remove();
    await store.stop();
  });

  const post = async ({ port }: Pick<OwnAgent, 'port'>, number = 1): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}${PREDICT}`, {
      method: 'POST',
      body: JSON.stringify({ instances: [number] }),
      headers: { 'ce-id': `id-${number}`, 'x-team': 'blue', 'x-other': 'red' },
    });
    return answer.json();
  };

  /** Runs an agent during a piece of work. */
  async function during<T>(
    flags: readonly string[],
    act: (agent: OwnAgent) => Promise<T>,
    within?: readonly string[],
  ) {
    const agent = await startOwnAgent(component.port, flags, store.environment, within);
    try {
      return await act(agent);
    } finally {
      await agent.stop();
    }
  }

  /** The values of a header in the events of one request. All events have arrived once the agent has ended. */
  async function inEvents(header: string, ...flags: string[]): Promise<unknown[]> {
    const sink = await startLogSink();
    await during(['--log-url', sink.url, ...flags], post);
    sink.close();
    return sink.events.map(({ headers }) => headers[header]).sort();
  }

  /** The keys and contents of the objects that requests make. */
  async function objects(
    prefix: string,
    requests: number,
    flags: readonly string[],
    seen = () => Promise.resolve(),
  ) {
    const all = ['--log-url', `s3://logs/${prefix}`, '--log-store-path', 'kept', ...flags];
    await during(all, async (agent) => {
      for (let number = 1; number <= requests; number += 1) await post(agent, number);
      await seen();
    });
    const found: Record<string, string> = {};
    for (const Key of await keysOf(prefix)) {
      const { Body: body } = await store.client.send(new GetObjectCommand({ Bucket: 'logs', Key }));
      found[Key.slice(prefix.length)] = await body!.transformToString();
    }
    return found;
  }
  async function keysOf(prefix: string): Promise<string[]> {
    const { Contents: listed = [] } = await store.client.send(
      new ListObjectsV2Command({ Bucket: 'logs', Prefix: prefix }),
    );
    return listed.map(({ Key: key = '' }) => key);
  }

  /** The number of events that a sink with a self-signed certificate received. */
  async function overTls(flags: readonly string[]): Promise<number> {
    let events = 0;
    const sink = await serve((incoming, outgoing) => {
      events += 1;
      incoming.resume();
      outgoing.end();
    }, certificate);
    // The bundle is where KServe's webhook mounts it, in a mount namespace of this process.
    const mounted = `mount -t tmpfs none /etc && mkdir -p /etc/tls/logger && cp ${certificate.certFile} /etc/tls/logger/own.crt && exec "$@"`;
    const within = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', mounted, 'sh'];
    await during(['--log-url', sink.url, ...flags], post, within);
    sink.close();
    return events;
  }

  /** What the component and the callers see of five concurrent requests. */
  async function batched(...flags: string[]) {
    calls = [];
    const answers = await during(['--enable-batcher', ...flags], (agent) =>
      Promise.all(Array.from({ length: 5 }, (_, number) => post(agent, number))),
    );
    return { calls, answers };
  }

  /** The directory of a model, and whether it was loaded. */
  async function pulled(isPulling: boolean) {
    const root = await mkdtemp(join(tmpdir(), 'kserve-mms-flags-'));
    const [configDir, modelDir] = [join(root, 'configs'), join(root, 'models')];
    await Promise.all([mkdir(configDir), mkdir(modelDir)]);
    const [config, server, source] = [
      await mountConfig(configDir),
      await startV2Server(modelDir),
      await startModelSource(),
    ];
    await config.writeModels([configured('m', source.uri('w'))]);
    const flags = ['--config-dir', configDir, '--model-dir', modelDir];
    const agent = await startOwnAgent(server.port, [...(isPulling ? ['--enable-puller'] : []), ...flags]);
    try {
      if (isPulling)
        await eventually(() => {
          if (server.loads.length === 0) throw new Error('not loaded yet');
          return Promise.resolve();
        }, 20_000);
      return {
        loads: server.loads.map(({ name }) => name),
        asked: source.requests.length > 0,
        kept: (await readdir(modelDir)).filter((name) => !name.startsWith('.')),
      };
    } finally {
      await agent.stop();
      await Promise.all([server.stop(), source.stop()]);
      await rm(root, { recursive: true, force: true });
    }
  }

  const said = (flags: readonly string[], flag: string) =>
    during(flags, ({ log }) => Promise.resolve(log.filter((line) => line.includes(`${flag} has no effect`))));
  const oneLine = (why: string): unknown => [expect.stringContaining(why)];

  /** The number of concurrent requests at a sink that hangs. */
  async function atOnce(workers: number): Promise<number> {
    let events = 0;
    const sink = await serve(() => (events += 1));
    await during(['--log-url', sink.url, '--workers', String(workers)], async (agent) => {
      for (let number = 0; number < 5; number += 1) await post(agent, number);
      await eventually(() => {
        if (events < workers) throw new Error(`${events} events`);
        return Promise.resolve();
      });
    });
    sink.close();
    return events;
  }

  /** What a custom marshaller receives, and the object that it makes. */
  async function marshalled() {
    const asked: unknown[] = [];
    const marshaller = await serve((incoming, outgoing) => {
      void text(incoming).then((body) => {
        asked.push(...(JSON.parse(body) as { id: string }[]).map(({ id }) => id));
        outgoing.writeHead(200, { 'X-Log-Marshal-Extension': 'own' }).end('made');
      });
    });
    const flags = ['--log-mode', 'request', '--log-marshaller-url', `${marshaller.url}marshal`];
    const made = await objects('marshaller', 1, flags);
    marshaller.close();
    return { asked, made: Object.entries(made) };
  }

  /** For each flag: an action and its expected effect. */
  const EFFECTS: Readonly<Record<string, readonly [see: () => Promise<unknown>, expected: unknown]>> = {
    component: [() => inEvents('ce-component', '--component', 'predictor'), ['predictor', 'predictor']],
    endpoint: [() => inEvents('ce-endpoint', '--endpoint', 'default'), ['default', 'default']],
    'inference-service': [
      () => inEvents('ce-inferenceservicename', '--inference-service', 'iris'),
      ['iris', 'iris'],
    ],
    namespace: [() => inEvents('ce-namespace', '--namespace', 'ml'), ['ml', 'ml']],
    'source-uri': [() => inEvents('ce-source', '--source-uri', 'pod-1'), ['pod-1', 'pod-1']],
    'log-url': [() => inEvents('ce-id'), ['id-1', 'id-1']],
    'log-mode': [
      () => inEvents('ce-type', '--log-mode', 'response'),
      ['org.kubeflow.serving.inference.response'],
    ],
    'metadata-headers': [
      () => inEvents('ce-metadata', '--metadata-headers', 'X-Team'),
      ['{"X-Team":["blue"]}', '{"X-Team":["blue"]}'],
    ],
    'metadata-annotations': [
      () => inEvents('ce-annotations', '--metadata-annotations', 'owner=me'),
      ['{"owner":"me"}', '{"owner":"me"}'],
    ],
    workers: [async () => [await atOnce(2), await atOnce(4)], [2, 4]],
    'logger-ca-cert-file': [
      async () => [await overTls(['--logger-ca-cert-file', 'own.crt']), await overTls([])],
      [2, 0],
    ],
    'logger-tls-skip-verify': [
      async () => [await overTls(['--logger-tls-skip-verify', 'true']), await overTls([])],
      [2, 0],
    ],
    'log-store-path': [
      async () => Object.keys(await objects('path', 1, ['--log-mode', 'request', '--log-store-path', 'a/b'])),
      [expect.stringMatching(/\/a\/b\/id-1-request\.json$/)],
    ],
    'log-store-format': [
      async () =>
        Object.entries(await objects('format', 1, ['--log-mode', 'request', '--log-store-format', 'csv'])),
      [[expect.stringMatching(/\.csv$/), expect.stringMatching(/^\S+,\S+\n.*id-1/)]],
    ],
    'log-batch-size': [
      async () =>
        Object.values(
          await objects('size', 4, ['--log-mode', 'request', '--log-batch-size', '2', '--workers', '1']),
        ).map((object) => (JSON.parse(object) as unknown[]).length),
      [2, 2],
    ],
    'log-batch-interval': [
      () => {
        const flags = ['--log-mode', 'request', '--log-batch-size', '1000', '--log-batch-interval', '300ms'];
        // Checked while the agent runs, because it sends the rest at its end.
        let keys: string[] = [];
        return objects('interval', 1, flags, () =>
          eventually(async () => {
            keys = await keysOf('interval');
            if (keys.length === 0) throw new Error('there is no object yet');
          }),
        ).then(() => keys.length);
      },
      1,
    ],
    'log-marshaller-url': [
      marshalled,
      { asked: ['id-1'], made: [[expect.stringMatching(/\.own$/), 'made']] },
    ],
    'log-marshaller-port': [
      () => said(['--log-url', 's3://logs/port', '--log-marshaller-port', '9'], '--log-marshaller-port'),
      oneLine('objects are made in this process'),
    ],
    'enable-batcher': [
      async () => (await batched('--max-latency', '200')).answers,
      Array.from({ length: 5 }, (_, number) => ({
        message: '',
        batchId: expect.any(String),
        predictions: [number],
      })),
    ],
    'max-batchsize': [
      async () => (await batched('--max-batchsize', '2', '--max-latency', '200')).calls.sort(),
      [1, 2, 2],
    ],
    // The default of 5 s would exceed the test's time for an incomplete batch.
    'max-latency': [async () => (await batched('--max-latency', '300')).calls, [5]],
    'component-port': [() => during([], post), { predictions: [1] }],
    port: [
      async () => {
        const [port = 0] = await freePorts(1);
        return during(['--port', String(port)], () => post({ port }));
      },
      { predictions: [1] },
    ],
    'enable-puller': [() => pulled(false), { loads: [], asked: false, kept: [] }],
    'config-dir': [async () => (await pulled(true)).loads, ['m']],
    'model-dir': [async () => (await pulled(true)).kept, ['m']],
    'probe-period': [
      () => said(['--probe-period', '10s'], '--probe-period'),
      oneLine("KServe's agent ignores it too"),
    ],
  };

  it('is in the table', () => {
    const flags = [...help.matchAll(/^\s+--([a-z-]+)/gm)].map(([, name]) => name);
    expect(Object.keys(EFFECTS).sort()).toEqual(flags.sort());
    expect(flags).toHaveLength(27);
  });

  it.each(Object.keys(EFFECTS))('--%s', async (flag) => {
    const [see, expected] = EFFECTS[flag]!;
    expect(await see()).toEqual(expected);
  });

  it('may be combined with all others', async () => {
    const values: Readonly<Record<string, string>> = {
      ...{ 'log-mode': 'all', 'max-batchsize': '32', 'max-latency': '50', 'log-batch-interval': '10s' },
      ...{ 'probe-period': '10s', 'config-dir': '/mnt/configs', 'model-dir': '/mnt/models' },
      'log-marshaller-url': 'http://localhost:9083/marshal',
    };
    const taken = [...help.matchAll(/^\s+--([a-z-]+)(?: (int|string|strings|duration))?\s{2,}/gm)].filter(
      ([, name]) => name !== 'port' && name !== 'component-port',
    );
    const args = taken.flatMap(([, name = '', type]) => [
      `--${name}`,
      type === undefined ? 'false' : (values[name] ?? (type === 'int' ? '5' : '')),
    ]);
    expect(await during(args, post)).toEqual({ predictions: [1] });
  });
});
