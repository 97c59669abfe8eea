import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { pullOnce, texts } from '../../../support/pulling.ts';

/**
 * The parts of the hub's API that a pull uses. LFS files are redirected to another origin, as by the real
 * hub.
 */
interface Hub {
  readonly endpoint: string;
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
  readonly files: Map<string, { content: string; lfs: boolean; served?: string }>;
  stop(): void;
}

const COMMIT = 'a'.repeat(40);

async function startHub(): Promise<Hub> {
  const files: Hub['files'] = new Map();
  const asked: Hub['asked'] = [];
  const storage = await listening(
    createServer(({ url = '', headers }, response) => {
      asked.push({ path: `storage ${url}`, authorization: headers.authorization });
      const file = files.get(decodeURIComponent(url.slice(1)));
      response.end(file?.served ?? file?.content);
    }),
  );
  const hub = await listening(
    createServer(({ url = '', headers }, response) => {
      asked.push({ path: url, authorization: headers.authorization });
      const { pathname, searchParams } = new URL(url, 'http://hub');
      if (pathname === '/api/models/org/repo/revision/main') {
        const siblings = [...files.keys()].map((rfilename) => ({ rfilename }));
        response.end(JSON.stringify({ sha: COMMIT, siblings }));
      } else if (pathname === `/api/models/org/repo/tree/${COMMIT}`) sendTree(searchParams.get('cursor'));
      else sendFile(decodeURIComponent(pathname.split(`/resolve/${COMMIT}/`)[1] ?? ''));

      function sendTree(cursor: string | null): void {
        const entries = [...files].map(([path, file]) => treeEntry(path, file));
        if (cursor === null) {
          const next = `http://${headers.host ?? ''}${pathname}?recursive=true&cursor=2`;
          response.setHeader('link', link === undefined ? `<${next}>; rel="next"` : link(pathname));
        }
        const half = cursor === null ? entries.slice(0, 1) : entries.slice(1);
        response.end(JSON.stringify([...half, { type: 'directory', path: 'sub', oid: 'd', size: 0 }]));
      }
      function sendFile(path: string): void {
        const file = files.get(path);
        if (file === undefined) response.writeHead(404).end();
        else if (file.lfs) response.writeHead(302, { location: `${urlOf(storage)}/${path}` }).end();
        else response.end(file.served ?? file.content);
      }
    }),
  );
  return {
    endpoint: urlOf(hub),
    asked,
    files,
    stop: () => {
      for (const server of [hub, storage]) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function treeEntry(path: string, { content, lfs }: { content: string; lfs: boolean }): object {
  const blob = createHash('sha1').update(`blob ${content.length}\0${content}`).digest('hex');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const pointer = lfs ? { lfs: { oid: sha256, size: content.length, pointerSize: 130 } } : {};
  return { type: 'file', path, size: content.length, oid: blob, ...pointer };
}

async function listening(server: Server): Promise<Server> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
}

/** A Link header to use instead of the hub's own. */
let link: ((pathname: string) => string) | undefined;

let hub: Hub;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

describe('a repository of the Hugging Face hub', () => {
  it('is pulled completely at one commit, with each file checked and the token sent only to the hub', async () => {
    hub.files.set('config.json', { content: '{}', lfs: false });
    hub.files.set('sub/model 1.safetensors', { content: 'weights', lfs: true });
    const pulled = await pullOnce('hf://org/repo', {
      env: { HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'hf_secret' },
    });
    expect(pulled.result).toEqual({ kind: 'pulled', files: 2, bytes: 9, version: COMMIT });
    expect(texts(pulled)).toEqual({ 'config.json': '{}', 'sub/model 1.safetensors': 'weights' });
    const byPlace = (place: boolean): (string | undefined)[] =>
      hub.asked
        .filter(({ path }) => path.startsWith('storage') === place)
        .map(({ authorization }) => authorization);
    expect(new Set(byPlace(false))).toEqual(new Set(['Bearer hf_secret']));
    expect(byPlace(true)).toEqual([undefined]);
  });

  it.each([
    [
      'the hub itself',
      (path: string) => `<https://huggingface.co${path}?recursive=true&cursor=2>; rel="next"`,
    ],
    ['a relative URL', (path: string) => `<${path}?cursor=2>; rel=next`],
    [
      'two links',
      (path: string) => `<${path}?cursor=0>; rel="prev", <${path}?cursor=2>; title="a"; rel="last next"`,
    ],
    ['another port', (path: string) => `<http://127.0.0.1:1${path}?cursor=2>; rel="next"`],
    ['another scheme', (path: string) => `<https://127.0.0.1${path}?cursor=2>; rel="next"`],
    [
      'a renamed repository',
      () => '<https://huggingface.co/api/models/org/renamed/tree/main?cursor=2>; rel="next"',
    ],
    [
      'a link after one whose title contains next',
      (path: string) => `<${path}?cursor=0>; title="; rel=next"; rel=prev, <${path}?cursor=2>; REL=NEXT`,
    ],
  ])('is pulled completely from a mirror with the next page at %s', async (_, other) => {
    hub.files.clear();
    hub.files.set('a.json', { content: '{}', lfs: false }).set('b.json', { content: '{}', lfs: false });
    link = other;
    const pulled = await pullOnce('hf://org/repo', { env: { HF_ENDPOINT: hub.endpoint } });
    expect(texts(pulled)).toEqual({ 'a.json': '{}', 'b.json': '{}' });
  });

  it.each([
    ['another path on another host', () => '<https://elsewhere.example/x?cursor=2>; rel="next"'],
    ['an invalid URL', () => '<http://[>; rel="next"'],
    ['itself', (path: string) => `<${path}?recursive=true>; rel="next"`],
    ['no page, although the revision has more files', () => ''],
  ])('is rejected with the next page at %s', async (_, other) => {
    link = other;
    const { result, files } = await pullOnce('hf://org/repo', { env: { HF_ENDPOINT: hub.endpoint } });
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceUnavailable', retry: 'soon' });
    expect(files.size).toBe(0);
    link = undefined;
  });

  it.each([
    [1_000, 'failed'],
    [999, 'failed for its digest'],
  ])('%i entries without a next link and without a second list: %s', async (count, how) => {
    const blob = createHash('sha1').update('blob 1\0x').digest('hex');
    const entries = Array.from({ length: count }, (_, index) => ({
      ...{
        type: 'file',
        path: `f${index}`,
        size: 1,
        oid: how === 'failed' ? blob : '0'.repeat(40),
        lfs: null,
      },
    }));
    const mirror = await listening(
      createServer(({ url = '' }, response) => {
        if (url.includes('/revision/')) response.end(JSON.stringify({ sha: COMMIT }));
        else response.end(url.includes('/tree/') ? JSON.stringify(entries) : 'x');
      }),
    );
    const { result } = await pullOnce('hf://org/repo', { env: { HF_ENDPOINT: urlOf(mirror) } });
    mirror.close();
    mirror.closeAllConnections();
    const reason = how === 'failed' ? 'SourceUnavailable' : 'ChecksumMismatch';
    expect(result).toMatchObject({ kind: 'failed', reason, retry: 'soon' });
  });

  it('is pulled although a gateway compresses the responses', async () => {
    const blob = createHash('sha1').update('blob 7\0weights').digest('hex');
    const entries = [{ type: 'file', path: 'w.bin', size: 7, oid: blob }];
    const mirror = await listening(
      createServer(({ url = '' }, response) => {
        response.setHeader('content-encoding', 'gzip');
        if (url.includes('/revision/')) response.end(gzipSync(JSON.stringify({ sha: COMMIT })));
        else response.end(gzipSync(url.includes('/tree/') ? JSON.stringify(entries) : 'weights'));
      }),
    );
    const pulled = await pullOnce('hf://org/repo', { env: { HF_ENDPOINT: urlOf(mirror) } });
    mirror.close();
    mirror.closeAllConnections();
    expect(texts(pulled)).toEqual({ 'w.bin': 'weights' });
  });

  it('is rejected with an endless list of pages', async () => {
    hub.files.clear();

    let asked = 0;
    const endless = await listening(
      createServer(({ url = '' }, response) => {
        if (url.includes('/revision/')) return void response.end(JSON.stringify({ sha: COMMIT }));
        asked += 1;
        response.setHeader('link', `<?cursor=${asked}>; rel="next"`).end('[]');
      }),
    );
    const { result } = await pullOnce('hf://org/repo', { env: { HF_ENDPOINT: urlOf(endless) } });
    endless.close();
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceUnavailable', retry: 'soon' });
    expect(asked).toBeLessThanOrEqual(10_000);
  });

  it.each([
    ['in LFS', true],
    ['in git', false],
  ])('a file %s with a wrong digest is rejected', async (_, lfs) => {
    hub.files.clear();
    hub.files.set('model.bin', { content: 'weights', lfs, served: 'weightS' });
    const { result } = await pullOnce('hf://org/repo:main', { env: { HF_ENDPOINT: hub.endpoint } });
    expect(result).toMatchObject({ kind: 'failed', reason: 'ChecksumMismatch', retry: 'soon' });
  });

  it('a missing revision is rejected for good', async () => {
    const { result } = await pullOnce('hf://org/repo:v9', { env: { HF_ENDPOINT: hub.endpoint } });
    expect(result).toMatchObject({ kind: 'failed', reason: 'NotFound', retry: 'rarely' });
  });
});
