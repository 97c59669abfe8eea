import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer, Handler } from '../../../support/fault-server.ts';
import { pullOnce } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

function pull(handler: Handler): Promise<Pulled> {
  return pullOnce(server.serve('model.bin', handler));
}

describe('digests in response headers are checked', () => {
  const body = 'weights';
  const digest = (algorithm: string): string => createHash(algorithm).update(body).digest('base64');
  it.each([
    ['content-md5', digest('md5')],
    ['digest', `SHA-256=${digest('sha256')}`],
    ['digest', `md5=${digest('md5')},sha-512=${digest('sha512')}`],
    ['repr-digest', `sha-256=:${digest('sha256')}:`],
    ['content-digest', `unknown=:AAAA:, sha-256=:${digest('sha256')}:`],
  ])('%s: %s', async (name, value) => {
    const right = await pull((_, response) => void response.writeHead(200, { [name]: value }).end(body));
    expect(right.result).toMatchObject({ kind: 'pulled' });
    const wrong = await pull((_, response) => void response.writeHead(200, { [name]: value }).end('weightS'));
    expect(wrong.result).toMatchObject({ kind: 'failed', reason: 'ChecksumMismatch' });
  });
});
