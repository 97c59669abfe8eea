import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PullResult } from '../../src/agent/puller/contract.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../src/agent/sources/settings.ts';
import { startFaultServer, trickle } from '../support/fault-server.ts';
import type { FaultServer, Handler } from '../support/fault-server.ts';
import { testForkedPuller } from '../support/forked-puller.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

const settings = { ...DEFAULT_SOURCE_SETTINGS, noProgressTimeoutMs: 4_000, slowWindowMs: 4_000 };

const loop: Handler = (request, response) => void response.writeHead(302, { location: request.url }).end();
const truncated: Handler = (_, response) => {
  response.writeHead(200, { 'content-length': 100 });
  response.write('x', () => response.destroy());
};

describe('one bad source among twenty', () => {
  it.each<[string, Handler, string]>([
    ['500', (_, response) => void response.writeHead(500).end(), 'SourceUnavailable'],
    ['429', (_, response) => void response.writeHead(429).end(), 'TooManyRequests'],
    ['hanging', () => undefined, 'SourceTimeout'],
    ['1 byte a second', trickle(1_000), 'SourceTooSlow'],
    ['truncated', truncated, 'SourceUnavailable'],
    ['redirect loop', loop, 'BadRedirect'],
  ])('%s: the other nineteen are not delayed, and the failure has a reason', async (_, bad, reason) => {
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-twenty-'));
    const puller = testForkedPuller({ settings });
    try {
      const order: string[] = [];
      const pull = async (id: string, storageUri: string): Promise<PullResult> => {
        const request = { id, storageUri, destination: join(directory, id) };
        const result = await puller.pull(request, new AbortController().signal, () => undefined);
        order.push(id);
        return result;
      };
      const badOne = pull('bad', server.serve('model.bin', bad));
      const others = Array.from({ length: 19 }, (_unused, n) =>
        pull(`m${n}`, server.file({ bytes: 200_000 })),
      );
      expect((await Promise.all(others)).every(({ kind }) => kind === 'pulled')).toBe(true);
      expect(await badOne).toMatchObject({ kind: 'failed', reason });
      if (reason === 'SourceTimeout' || reason === 'SourceTooSlow') expect(order.at(-1)).toBe('bad');
      expect((await readdir(directory)).length).toBe(19);
    } finally {
      await puller.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
