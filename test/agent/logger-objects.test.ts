import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { eventually } from '../support/eventually.ts';
import { startKServeAgent, KSERVE_AGENT_STARTS_WITHIN } from '../support/kserve-agent.ts';
import {
  type LoggedRequest,
  LOGGED_REQUESTS,
  sendLogged,
  startLoggedComponent,
} from '../support/log-requests.ts';
import { startOwnAgent } from '../support/own-agent.ts';
import { readByPyarrow } from '../support/pyarrow.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';

jest.setTimeout(KSERVE_AGENT_STARTS_WITHIN);

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

describe("objects in a real S3 store, compared with those of KServe's agent", () => {
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
      const { requests, records } = fullObjects(size);
      for (const one of requests)
        await Promise.all([sendLogged(kserve.port, one), sendLogged(mms.port, one)]);
      const count = records / size;
      const theirs = await objectsOf('theirs', `${folder}/`, count);
      const ours = await objectsOf('ours', `${folder}/`, count);
      expect(ours.size).toBe(theirs.size);
      const [kserveRecords, mmsRecords] = [await read(format, theirs), await read(format, ours)];
      // In either agent, a request may overtake the answer before it, so the agents may group records differently.
      expect(mmsRecords.flat().sort()).toEqual(kserveRecords.flat().sort());
      expect(mmsRecords.map((object) => object.length)).toEqual(kserveRecords.map(() => size));
      if (size === 1) expect([...ours.keys()]).toEqual([...theirs.keys()]);
      for (const [index, key] of [...ours.keys()].entries())
        expect(key).toBe(keyOf(folder, format, mmsRecords[index]![0]!));
    } finally {
      await mms.stop();
      await kserve.stop();
    }
  });
});

/** All requests of every kind, and more of a failing one, with one record each, to fill the last object. */
function fullObjects(size: number): {
  readonly requests: readonly LoggedRequest[];
  readonly records: number;
} {
  const isFailed = ({ path }: LoggedRequest): boolean => path.startsWith('/status');
  const recordsOf = (request: LoggedRequest): number =>
    isFailed(request) && !request.path.endsWith('/200') ? 1 : 2;
  const records = LOGGED_REQUESTS.reduce((sum, request) => sum + recordsOf(request), 0);
  const failed = LOGGED_REQUESTS.find(isFailed)!;
  const missing = (size - (records % size)) % size;
  const more = Array.from({ length: missing }, (_, index) => ({
    ...failed,
    headers: { ...failed.headers, 'ce-id': `more-${index}` },
  }));
  return { requests: [...LOGGED_REQUESTS, ...more], records: records + missing };
}

/** The records of each object in their order, without times, because each agent reads its own clock. */
async function read(
  format: 'json' | 'csv' | 'parquet',
  objects: ReadonlyMap<string, Buffer>,
): Promise<string[][]> {
  const files = [...objects.values()];
  if (format === 'parquet') {
    const tables = await readByPyarrow(files);
    return tables.map(({ columns, rows }) => rows.map((row) => sameBucket(JSON.stringify([columns, row]))));
  }
  const texts = files.map((file) => sameTime(sameBucket(file.toString('utf8'))));
  return texts.map((text) => (format === 'json' ? jsonRecords(text) : csvRecords(text)));
}

/** The records as text, from a list or a single record. Go's encoder writes no spaces. */
function jsonRecords(text: string): string[] {
  expect(JSON.parse(text)).toBeDefined();
  return text.startsWith('[') ? text.slice(1, -1).split(/(?<=\}),(?=\{"url":)/) : [text];
}

/** The lines after the header, each with the header. No value contains a line break. */
function csvRecords(text: string): string[] {
  const [names = '', ...lines] = text.split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => `${names}\n${line}`);
}

/** The key of an object with this first record. */
function keyOf(folder: string, format: string, first: string): string {
  const id = /\b(?:id|more)-\d+\b/.exec(first)?.[0] ?? 'no id';
  const kind = /inference\.(request|response)/.exec(first)?.[1] ?? 'no kind';
  return `${folder}/ns/isvc/predictor/logs/all/${id}-${kind}.${format}`;
}

/** Each agent has its own bucket, which its records name. */
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
