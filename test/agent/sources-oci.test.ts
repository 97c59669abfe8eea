import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../support/fault-server.ts';
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
});
