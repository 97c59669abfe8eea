import { gzipSync } from 'node:zlib';
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
  it('extracts the files below /models, applying upper layers and whiteouts', async () => {
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
  it('stores its layers as files by their titles, by tag and by digest', async () => {
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
  ])('%s that does not exist is refused permanently', async (_, name) => {
    const { result } = await pullOnce(`oci://${registry.host}/${name}`);
    expect(result).toMatchObject({ kind: 'failed', reason: 'NotFound', retry: 'rarely' });
  });
});

describe('layers as their own clients write them', () => {
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

  it('ORAS: an entry outside of its named directory is refused', async () => {
    const annotations = { [title]: 'other', ...unpack };
    await registry.putLayers('models/l2', 'v1', [
      { content: directory, mediaType: `${layer}+gzip`, annotations },
    ]);
    const { result } = await pullOnce(`oci://${registry.host}/models/l2:v1`);
    expect(result).toMatchObject({ kind: 'failed', reason: 'UnsafePath' });
  });
});

describe('an invalid manifest', () => {
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
