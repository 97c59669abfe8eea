import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import { eventually } from '../support/eventually.ts';
import { startKServeAgent } from '../support/kserve-agent.ts';
import { LOGGED_REQUESTS, sendLogged, startLoggedComponent } from '../support/log-requests.ts';
import { startOwnAgent } from '../support/own-agent.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';

const ORIGIN = [
  ...[
    '--source-uri',
    'pod a',
    '--inference-service',
    'isvc',
    '--namespace',
    'ns',
    '--component',
    'predictor',
  ],
  ...['--metadata-headers', 'X-Request-Id', '--metadata-annotations', 'owner=<me & you>'],
  ...['--log-store-path', '/logs//all/'],
];

describe("objects in a real S3 store, beside those of KServe's agent", () => {
  let store: TestS3;
  let component: Awaited<ReturnType<typeof startLoggedComponent>>;
  beforeAll(async () => {
    store = await startS3();
    component = await startLoggedComponent();
    for (const Bucket of ['theirs', 'ours']) await store.client.send(new CreateBucketCommand({ Bucket }));
  });
  afterAll(async () => {
    component.close();
    await store.stop();
  });

  async function objectsOf(bucket: string, prefix: string, count: number): Promise<Map<string, Buffer>> {
    const keys = await eventually(async () => {
      const { Contents: listed = [] } = await store.client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }),
      );
      if (listed.length < count) throw new Error(`${listed.length} of ${count} objects in ${bucket}`);
      return listed.map(({ Key: key = '' }) => key);
    }, 30_000);
    const objects = new Map<string, Buffer>();
    for (const Key of keys) {
      const { Body: body } = await store.client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      objects.set(Key, Buffer.from(await body!.transformToByteArray()));
    }
    return objects;
  }

  it.each([
    ['json', 1],
    ['json', 4],
    ['csv', 1],
    ['csv', 4],
    ['parquet', 4],
  ] as const)('%s, %i records in an object', async (format, size) => {
    const [marshaller = 0] = await freePorts(1);
    const folder = `${format}-${size}`;
    const flags = (bucket: string) => [
      ...['--log-url', `s3://${bucket}/${folder}/`, ...ORIGIN, '--log-store-format', format],
      ...['--log-batch-size', String(size), '--log-marshaller-port', String(marshaller)],
      ...['--log-marshaller-url', `http://localhost:${marshaller}/marshal`],
    ];
    const kserve = await startKServeAgent(component.port, flags('theirs'), store.environment);
    const mms = await startOwnAgent(component.port, flags('ours'), store.environment);
    try {
      // As many records as fill objects: a request and its answer each.
      const sent = LOGGED_REQUESTS.filter(({ path }) => !path.startsWith('/status')).slice(0, 20);
      for (const one of sent) await Promise.all([sendLogged(kserve.port, one), sendLogged(mms.port, one)]);
      const count = (sent.length * 2) / size;
      const [theirs, ours] = [
        await objectsOf('theirs', `${folder}/`, count),
        await objectsOf('ours', `${folder}/`, count),
      ];
      expect([...ours.keys()]).toEqual([...theirs.keys()]);
      for (const [key, bytes] of theirs) {
        const own = ours.get(key)!;
        if (format === 'parquet')
          expect(sameBucket(JSON.stringify(await rowsOf(own)))).toEqual(JSON.stringify(await rowsOf(bytes)));
        else expect(sameTime(sameBucket(own.toString('utf8')))).toEqual(sameTime(bytes.toString('utf8')));
      }
    } finally {
      await mms.stop();
      await kserve.stop();
    }
  });
});

/** Each agent has a bucket of its own, which its records name. */
function sameBucket(text: string): string {
  return text.replaceAll('s3://ours/', 's3://theirs/').replaceAll('"Host":"ours"', '"Host":"theirs"');
}

/** Each agent reads its own clock; KServe writes nanoseconds. */
function sameTime(text: string): string {
  return text.replaceAll(
    /"occurrenceTime":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"/g,
    '"occurrenceTime":"a time"',
  );
}

function rowsOf(bytes: Buffer): Promise<Record<string, unknown>[]> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  return parquetReadObjects({ file });
}
