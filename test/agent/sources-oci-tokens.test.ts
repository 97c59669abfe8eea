import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../support/fault-server.ts';
import type { Handler } from '../support/fault-server.ts';
import { pullOnce, texts } from '../support/pulling.ts';

describe('a registry that requires a token', () => {
  it('gets one from the named service with the credentials in DOCKER_CONFIG, and fails without', async () => {
    const server = await startFaultServer();
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-docker-'));
    try {
      const host = new URL(server.url).host;
      const basic = Buffer.from('user:s3cr3t').toString('base64');
      await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [host]: { auth: basic } } }));
      const token = server.serve('token', ({ headers }, response) => {
        if (headers.authorization !== `Basic ${basic}`) response.writeHead(401).end();
        else response.end(JSON.stringify({ token: 'good-token' }));
      });
      const seen: (string | undefined)[] = [];
      server.serveAt('/v2/models/m1/manifests/v1', ({ headers }, response) => {
        seen.push(headers.authorization);
        if (headers.authorization === 'Bearer good-token') response.end(JSON.stringify({ layers: [] }));
        else
          response
            .writeHead(401, { 'www-authenticate': `Bearer realm="${token}",service="r",scope="x"` })
            .end();
      });
      const uri = `oci://${host}/models/m1:v1`;
      const { result } = await pullOnce(uri, { env: { DOCKER_CONFIG: directory } });
      // Access was granted, and this image is empty.
      expect(result).toMatchObject({ reason: 'NotFound' });
      expect(seen).toEqual([undefined, 'Bearer good-token']);
      expect((await pullOnce(uri)).result).toMatchObject({ reason: 'AccessDenied', retry: 'rarely' });
    } finally {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it.each([
    ['config.json', (auths: object) => ({ auths })],
    // The keys in Secrets of the two types that kubectl makes, as files in a volume.
    ['.dockerconfigjson', (auths: object) => ({ auths })],
    ['.dockercfg', (auths: object) => auths],
  ])('finds credentials in %s', async (name, config) => {
    const basic = Buffer.from('user:s3cr3t').toString('base64');
    const seen = await seenBy('Basic realm="r"', { [name]: (host) => config({ [host]: { auth: basic } }) });
    expect(seen).toEqual({
      result: expect.objectContaining({ reason: 'NotFound' }),
      sent: [undefined, `Basic ${basic}`],
    });
  });

  it('pulls a public image when config.json names a credential helper', async () => {
    const { result, sent } = await seenBy('token', {
      'config.json': () => ({ credsStore: 'desktop', auths: {} }),
    });
    expect(result).toMatchObject({ reason: 'NotFound' });
    expect(sent).toEqual([undefined, 'Bearer anonymous']);
  });

  it.each(['Basic realm="r"', 'token refused'])(
    'names the credential helper when %s refuses access',
    async (challenge) => {
      const { result } = await seenBy(challenge, {
        'config.json': (host) => ({ credHelpers: { [host]: 'ecr-login' } }),
      });
      expect(result).toMatchObject({
        reason: 'SourceConfiguration',
        message: expect.stringContaining('credential helper'),
      });
    },
  );

  it.each([
    ['alone', { identitytoken: 'refresh' }],
    ['beside a placeholder user', { identitytoken: 'refresh', auth: 'MDAwMDAwMDA6' }],
  ])('gets one by OAuth2 for an identity token %s', async (_, entry) => {
    const server = await startFaultServer();
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-docker-'));
    try {
      const host = new URL(server.url).host;
      await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: { [host]: entry } }));
      const asked: unknown[] = [];
      const token = server.serve('token', (request, response) => {
        void text(request).then((form) => {
          asked.push([request.method, Object.fromEntries(new URLSearchParams(form))]);
          response.end(JSON.stringify({ access_token: 'good-token' }));
        });
      });
      server.serveAt('/v2/models/m1/manifests/v1', ({ headers }, response) => {
        if (headers.authorization === 'Bearer good-token') response.end(JSON.stringify({ layers: [] }));
        else
          response
            .writeHead(401, { 'www-authenticate': `Bearer realm="${token}",service="r",scope="x"` })
            .end();
      });
      const { result } = await pullOnce(`oci://${host}/models/m1:v1`, { env: { DOCKER_CONFIG: directory } });
      // Access was granted, and this image is empty.
      expect(result).toMatchObject({ reason: 'NotFound' });
      const form = { grant_type: 'refresh_token', client_id: 'kserve-mms-agent', refresh_token: 'refresh' };
      expect(asked).toEqual([['POST', { ...form, service: 'r', scope: 'x' }]]);
    } finally {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('gets another when one has expired, also within a layer, and prefers Bearer to Basic', async () => {
    const server = await startFaultServer();
    try {
      const host = new URL(server.url).host;
      const content = 'weights'.repeat(1000);
      const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
      let issued = 0;
      const token = server.serve('token', (_, response) => {
        issued += 1;
        response.end(JSON.stringify({ access_token: `token-${issued}` }));
      });
      let used = 0;
      /** Each token is valid for one request. */
      const guarded =
        (handler: Handler): Handler =>
        (request, response) => {
          if (request.headers.authorization === `Bearer token-${used + 1}`) {
            used += 1;
            return handler(request, response);
          }
          const challenges = [`Basic realm="r"`, `Bearer realm="${token}",service="r",scope="x"`];
          response.writeHead(401, { 'www-authenticate': challenges.join(', ') }).end();
        };
      const layers = [
        {
          mediaType: 'application/octet-stream',
          digest,
          size: content.length,
          annotations: { 'org.opencontainers.image.title': 'w.bin' },
        },
      ];
      server.serveAt(
        '/v2/models/m1/manifests/v1',
        guarded((_, response) => void response.end(JSON.stringify({ layers }))),
      );
      const ranges: (string | undefined)[] = [];
      server.serveAt(
        `/v2/models/m1/blobs/${digest}`,
        guarded(({ headers }, response) => {
          ranges.push(headers.range);
          if (headers.range === undefined) {
            response.writeHead(200, { 'content-length': content.length });
            response.write(content.slice(0, 3000), () => setTimeout(() => response.destroy(), 20));
            return;
          }
          const start = Number(/\d+/.exec(headers.range)?.[0]);
          response
            .writeHead(206, { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` })
            .end(content.slice(start));
        }),
      );
      expect(texts(await pullOnce(`oci://${host}/models/m1:v1`))).toEqual({ 'w.bin': content });
      expect(ranges).toEqual([undefined, 'bytes=3000-']);
      expect(issued).toBe(3);
    } finally {
      await server.stop();
    }
  });
});

/**
 * Pulls an empty image with the files of a pull secret, and returns the result and the credentials that the registry
 * received. The registry sends the given challenge; `token` is a service that grants anonymous tokens, and `token
 * refused` is one that grants none.
 */
async function seenBy(
  challenge: string,
  files: Readonly<Record<string, (host: string) => object>>,
): Promise<{ readonly result: unknown; readonly sent: readonly (string | undefined)[] }> {
  const server = await startFaultServer();
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-docker-'));
  try {
    const { host } = new URL(server.url);
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(directory, name), JSON.stringify(content(host)));
    }
    const token = server.serve('token', (_, response) => {
      if (challenge === 'token') response.end(JSON.stringify({ token: 'anonymous' }));
      else response.writeHead(401).end();
    });
    const asks = challenge.startsWith('token') ? `Bearer realm="${token}",service="r"` : challenge;
    const sent: (string | undefined)[] = [];
    server.serveAt('/v2/models/m1/manifests/v1', ({ headers }, response) => {
      sent.push(headers.authorization);
      if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': asks }).end();
      else response.end(JSON.stringify({ layers: [] }));
    });
    const { result } = await pullOnce(`oci://${host}/models/m1:v1`, { env: { DOCKER_CONFIG: directory } });
    return { result, sent };
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
