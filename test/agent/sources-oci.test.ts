import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../support/fault-server.ts';
import type { Handler } from '../support/fault-server.ts';
import { pullOnce, texts } from '../support/pulling.ts';
import { startRegistry } from '../support/registry.ts';
import type { TestRegistry } from '../support/registry.ts';
import { tar } from '../support/tar-writer.ts';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

describe('a modelcar image in a real registry', () => {
  it('gives the files below /models, upper layers over lower ones, whiteouts obeyed', async () => {
    const lower = tar([
      { name: 'etc/passwd', body: 'not a model' },
      { name: 'bin/sh', type: '2', linkname: 'busybox' },
      { name: 'models/', type: '5' },
      { name: 'models/config.json', body: 'old' },
      { name: 'models/gone.bin', body: 'gone' },
      { name: 'models/cleared/old.bin', body: 'old' },
      { name: 'models/1/weights.bin', body: 'weights' },
    ]);
    const upper = tar([
      { name: 'models/config.json', body: 'new' },
      { name: 'models/.wh.gone.bin' },
      { name: 'models/cleared/.wh..wh..opq' },
      { name: 'models/cleared/new.bin', body: 'new' },
    ]);
    await registry.putImage('models/m1:v1', [lower, upper]);
    const pulled = await pullOnce(`oci://${registry.host}/models/m1:v1`);
    expect(texts(pulled)).toEqual({
      '1/weights.bin': 'weights',
      'cleared/new.bin': 'new',
      'config.json': 'new',
    });
    expect(pulled.result).toMatchObject({
      kind: 'pulled',
      files: 3,
      version: expect.stringMatching(/^sha256:/),
    });
  });

  it.each([
    ['a link below /models', [{ name: 'models/x', type: '2', linkname: '/etc/passwd' }], 'UnsafeEntry'],
    ['a path that escapes', [{ name: 'models/../../evil', body: 'x' }], 'UnsafePath'],
    ['no /models', [{ name: 'etc/passwd', body: 'x' }], 'NotFound'],
  ])('%s is refused', async (_, entries, reason) => {
    await registry.putImage('models/bad:v1', [tar(entries)]);
    const { result, outside } = await pullOnce(`oci://${registry.host}/models/bad:v1`);
    expect(result).toMatchObject({ kind: 'failed', reason, retry: 'rarely' });
    expect(outside).toEqual([]);
  });
});

describe('an artifact in a real registry', () => {
  it('gives its layers as the files they are titled, by tag and by digest', async () => {
    const files = { 'config.json': '{}', 'sub/weights.bin': 'weights' };
    const digest = await registry.putArtifact('models/a1', 'v1', files);
    expect(texts(await pullOnce(`oci://${registry.host}/models/a1:v1`))).toEqual(files);
    const byDigest = await pullOnce(`oci://${registry.host}/models/a1@${digest}`);
    expect(byDigest.result).toMatchObject({ kind: 'pulled', files: 2, version: digest });
  });

  it.each([
    ['a tag', 'models/a1:none'],
    ['a digest', `models/a1@sha256:${'0'.repeat(64)}`],
    ['a repository', 'models/none:v1'],
  ])('%s that is not there is refused for good', async (_, name) => {
    const { result } = await pullOnce(`oci://${registry.host}/${name}`);
    expect(result).toMatchObject({ kind: 'failed', reason: 'NotFound', retry: 'rarely' });
  });
});

describe('layers as their own clients read them', () => {
  const title = 'org.opencontainers.image.title';
  const unpack = { 'io.deis.oras.content.unpack': 'true' };
  const directory = gzipSync(
    tar([
      { name: 'model/', type: '5' },
      { name: 'model/a/w.bin', body: 'weights' },
    ]),
  );
  const flat = tar([{ name: 'sub/w.bin', body: 'weights' }]);
  const layer = 'application/vnd.oci.image.layer.v1.tar';
  it.each([
    [
      'ORAS, a directory',
      `${layer}+gzip`,
      directory,
      { [title]: 'model', ...unpack },
      { 'model/a/w.bin': 'weights' },
    ],
    ['ORAS, a file', layer, 'weights', { [title]: 'w.bin' }, { 'w.bin': 'weights' }],
    [
      'ORAS, the directory itself',
      `${layer}+gzip`,
      gzipSync(flat),
      { [title]: '.', ...unpack },
      { 'sub/w.bin': 'weights' },
    ],
    [
      'ModelPack, raw',
      'application/vnd.cncf.model.weight.v1.raw',
      'weights',
      { 'org.cncf.model.filepath': 'sub/w.bin' },
      { 'sub/w.bin': 'weights' },
    ],
    [
      'ModelPack, tar',
      'application/vnd.cncf.model.weight.v1.tar',
      flat,
      { 'org.cncf.model.filepath': 'sub/w.bin' },
      { 'sub/w.bin': 'weights' },
    ],
    [
      'ModelPack by its first name',
      'application/vnd.cnai.model.weight.v1.tar+gzip',
      gzipSync(flat),
      { 'org.cnai.model.filepath': 'sub' },
      { 'sub/w.bin': 'weights' },
    ],
    [
      'KitOps',
      'application/vnd.kitops.modelkit.model.v1.tar+gzip',
      gzipSync(flat),
      {},
      { 'sub/w.bin': 'weights' },
    ],
  ])('%s', async (_, mediaType, content, annotations, expected) => {
    await registry.putLayers('models/l1', 'v1', [{ content, mediaType, annotations }]);
    expect(texts(await pullOnce(`oci://${registry.host}/models/l1:v1`))).toEqual(expected);
  });

  it('ORAS: an entry outside of the directory it names is refused', async () => {
    const annotations = { [title]: 'other', ...unpack };
    await registry.putLayers('models/l2', 'v1', [
      { content: directory, mediaType: `${layer}+gzip`, annotations },
    ]);
    const { result } = await pullOnce(`oci://${registry.host}/models/l2:v1`);
    expect(result).toMatchObject({ kind: 'failed', reason: 'UnsafePath' });
  });
});

describe('a manifest that is none', () => {
  it.each(['null', '7', '[]', '{"layers":5}', '{"layers":[null]}', '{"manifests":{}}'])(
    '%s is refused',
    async (body) => {
      const server = await startFaultServer();
      try {
        server.serveAt('/v2/models/m1/manifests/v1', (_, response) => void response.end(body));
        const { result } = await pullOnce(`oci://${new URL(server.url).host}/models/m1:v1`);
        expect(result).toMatchObject({ kind: 'failed', reason: 'BadArchive', retry: 'rarely' });
      } finally {
        await server.stop();
      }
    },
  );
});

describe('a registry that wants a token', () => {
  it('gets one from the service it names, for the credentials in DOCKER_CONFIG, or refuses without', async () => {
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
      // Let in; there is nothing in this image.
      expect(result).toMatchObject({ reason: 'NotFound' });
      expect(seen).toEqual([undefined, 'Bearer good-token']);
      expect((await pullOnce(uri)).result).toMatchObject({ reason: 'AccessDenied', retry: 'rarely' });
    } finally {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it.each([
    ['alone', { identitytoken: 'refresh' }],
    ['beside a user that means nothing', { identitytoken: 'refresh', auth: 'MDAwMDAwMDA6' }],
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
      // Let in; there is nothing in this image.
      expect(result).toMatchObject({ reason: 'NotFound' });
      const form = { grant_type: 'refresh_token', client_id: 'kserve-mms-agent', refresh_token: 'refresh' };
      expect(asked).toEqual([['POST', { ...form, service: 'r', scope: 'x' }]]);
    } finally {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('gets another when one has expired, also in the middle of a layer, and takes Bearer where Basic is offered too', async () => {
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
      /** Each token is good for one request. */
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
