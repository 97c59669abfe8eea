import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Puller } from '../../../../src/agent/puller/contract.ts';
import { createInProcessPuller } from '../../../../src/agent/puller/in-process-puller.ts';
import { createReusingConnections } from '../../../../src/agent/sources/reused-buffers.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../../../src/agent/sources/settings.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { type FaultServer, startFaultServer } from '../../../support/fault-server.ts';

let server: FaultServer;
let root: string;
beforeAll(async () => {
  server = await startFaultServer();
  root = await mkdtemp(join(tmpdir(), 'kserve-mms-reused-'));
});
afterAll(async () => {
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

const BODY = randomBytes(5_000_000);
const unused = new AbortController().signal;
let count = 0;

function newPuller(): Puller {
  const settings = { ...DEFAULT_SOURCE_SETTINGS, noProgressTimeoutMs: 20_000 };
  return createInProcessPuller({ env: {}, settings, clock: systemClock });
}

async function pulled(uri: string, signal = unused) {
  const puller = newPuller();
  const outcome = await pulledBy(puller, uri, signal);
  await puller.stop();
  return outcome;
}

async function pulledBy(puller: Puller, uri: string, signal = unused) {
  const destination = join(root, `m${(count += 1)}`);
  const result = await puller.pull({ id: 'm', storageUri: uri, destination }, signal, () => undefined);
  const file = join(destination, uri.split('/').at(-1) ?? '');
  return { result, body: await readFile(file).catch(() => undefined) };
}

/** Sends the body in pieces, each in a turn of the event loop. */
async function send(response: ServerResponse, sizes: readonly number[], upTo = BODY.length): Promise<void> {
  for (let at = 0, turn = 0; at < upTo; turn += 1) {
    const end = Math.min(upTo, at + (sizes[turn % sizes.length] ?? 1));
    if (!response.write(BODY.subarray(at, end)))
      await new Promise((drained) => response.once('drain', drained));
    else await new Promise((next) => setImmediate(next));
    at = end;
  }
}

describe('a large body from a web server', () => {
  it.each<[string, number[]]>([
    ['at once', [BODY.length]],
    ['in pieces of the read size', [128 * 1024]],
    ['in pieces of all sizes', [1, 70_000, 3, 64 * 1024, 200_001, 17]],
  ])('is stored unchanged: %s', async (_, sizes) => {
    const uri = server.serve('weights.bin', (_request, response) => {
      response.writeHead(200, { 'content-length': BODY.length, etag: '"1"' });
      void send(response, sizes).then(() => response.end());
    });
    const { result, body } = await pulled(uri);
    expect(result).toEqual({ kind: 'pulled', bytes: BODY.length, files: 1, version: '"1"' });
    expect(body?.equals(BODY)).toBe(true);
  });

  it('is not mixed with concurrent, earlier and later ones', async () => {
    const puller = newPuller();
    const bodies = Array.from({ length: 12 }, (_, index) => randomBytes(300_000 + index * 170_001));
    const uris = bodies.map((body) => server.body('weights.bin', body));
    for (const lanes of [1, 3, 12]) {
      const left = [...bodies.keys()];
      const lane = async (): Promise<void> => {
        for (let index = left.shift(); index !== undefined; index = left.shift()) {
          const { body } = await pulledBy(puller, uris[index] ?? '');
          expect([index, body?.equals(bodies[index] ?? Buffer.of())]).toEqual([index, true]);
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    }
    await puller.stop();
  });

  it('is resumed after a broken connection', async () => {
    const asked: (string | undefined)[] = [];
    const uri = server.serve('weights.bin', (request, response) => {
      asked.push(request.headers.range);
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const range = { 'content-range': `bytes ${from}-${BODY.length - 1}/${BODY.length}` };
      const left = BODY.length - from;
      response.writeHead(from > 0 ? 206 : 200, {
        'content-length': left,
        etag: '"1"',
        ...(from > 0 && range),
      });
      if (from > 0) response.end(BODY.subarray(from));
      else void send(response, [100_000], 2_000_000).then(() => response.destroy());
    });
    const { result, body } = await pulled(uri);
    expect(result).toMatchObject({ kind: 'pulled', bytes: BODY.length });
    expect(body?.equals(BODY)).toBe(true);
    expect(asked).toEqual([undefined, expect.stringMatching(/^bytes=\d{6,7}-$/)]);
  });

  it('fails when it ends before its length, and leaves nothing', async () => {
    const uri = server.serve('weights.bin', (_request, response) => {
      response.writeHead(200, { 'content-length': BODY.length });
      void send(response, [500_000], 3_000_000).then(() => response.destroy());
    });
    const { result, body } = await pulled(uri);
    expect(result).toMatchObject({ kind: 'failed', retry: 'soon' });
    expect(body).toBeUndefined();
  });

  it('is aborted when it is no longer wanted', async () => {
    const giveUp = new AbortController();
    const closed = Promise.withResolvers<undefined>();
    const uri = server.serve('weights.bin', (_request, response) => {
      response.writeHead(200, { 'content-length': BODY.length });
      response.on('close', () => closed.resolve(undefined));
      void send(response, [500_000], 3_000_000).then(() => giveUp.abort());
    });
    expect((await pulled(uri, giveUp.signal)).result).toMatchObject({ kind: 'failed', reason: 'Aborted' });
    await closed.promise;
  });

  it('is read into two buffers, for any size', async () => {
    const connections = createReusingConnections({ keepAlive: true });
    const call = get(server.file({ bytes: 64 * 1024 ** 2 }), { agent: connections.agent });
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    const memory = new Set<ArrayBufferLike>();
    let bytes = 0;
    const pair = [Buffer.alloc(2 ** 17), Buffer.alloc(2 ** 17)] as const;
    for await (const piece of connections.bodyOf(answer, answer.socket, 64 * 1024 ** 2)?.(pair) ?? []) {
      bytes += piece.length;
      memory.add(piece.buffer);
    }
    // Besides these two, the bytes that arrived with the head.
    expect([bytes, memory.size < 8]).toEqual([64 * 1024 ** 2, true]);
  });

  it('over another kind of connection is read as usual', async () => {
    const connections = createReusingConnections({ keepAlive: true });
    const call = get(server.file({ bytes: 10 }), { agent: false });
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(connections.bodyOf(answer, answer.socket, 10)).toBeUndefined();
    answer.resume();
  });
});
