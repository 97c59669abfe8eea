import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Puller } from '../../../../src/agent/puller/contract.ts';
import { startsWithFarModels } from '../../../../src/agent/puller/early-start.ts';
import { createNearPuller } from '../../../../src/agent/puller/near-puller.ts';
import { NEAR, NEAR_BUDGET, NEAR_REUSED_BYTES } from '../../../../src/agent/puller/near.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../../../src/agent/sources/settings.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { type FaultServer, startFaultServer } from '../../../support/fault-server.ts';

let server: FaultServer;
let root: string;
beforeAll(async () => {
  server = await startFaultServer();
  root = await mkdtemp(join(tmpdir(), 'kserve-mms-near-'));
});
afterAll(async () => {
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

const unused = new AbortController().signal;
let count = 0;

/** A near puller, with the URIs that it leaves to the other one, which fetches nothing. */
function scene(): { puller: Puller; far: string[]; pull: (uri: string) => Promise<string> } {
  const far: string[] = [];
  const other: Puller = {
    pull: ({ storageUri }) => {
      far.push(storageUri);
      return Promise.resolve({ kind: 'pulled', bytes: 0, files: 0 });
    },
    stop: () => Promise.resolve(),
  };
  const settings = { ...DEFAULT_SOURCE_SETTINGS, fileRoots: [root] };
  const puller = createNearPuller({ env: {}, settings, clock: systemClock }, other);
  const pull = async (storageUri: string): Promise<string> => {
    const destination = join(root, `m${(count += 1)}`);
    const result = await puller.pull({ id: 'm', storageUri, destination }, unused, () => undefined);
    if (far.includes(storageUri)) return (await readdir(root)).includes(`m${count}`) ? 'a rest' : 'far';
    return result.kind === 'pulled' ? `near, ${result.bytes}` : result.reason;
  };
  return { puller, far, pull };
}

async function directoryOf(files: number, bytes: number): Promise<string> {
  const path = await mkdtemp(join(root, 'volume-'));
  await mkdir(join(path, '1'));
  for (let index = 0; index < files; index += 1)
    await writeFile(join(path, '1', `${index}`), 'x'.repeat(bytes));
  return `file://${path}`;
}

describe('a model', () => {
  it.each<[string, () => string | Promise<string>, string]>([
    ['a file of a web server', () => server.file({ bytes: 1_000 }), 'near, 1000'],
    ['an empty file', () => server.file({ bytes: 0 }), 'near, 0'],
    ['the largest file that takes memory', () => directoryOf(1, NEAR.bytes), `near, ${NEAR.bytes}`],
    ['one byte more', () => directoryOf(1, NEAR.bytes + 1), 'far'],
    ['a file that takes no memory', () => server.file({ bytes: NEAR.bytes + 1 }), `near, ${NEAR.bytes + 1}`],
    ['a file that takes long', () => server.file({ bytes: NEAR_REUSED_BYTES + 1 }), 'far'],
    ['a response without a length', () => server.file({ bytes: 10, announce: false }), 'far'],
    [
      'a missing file',
      () => server.serve('m', (_, response) => void response.writeHead(404).end()),
      'NotFound',
    ],
    ['an archive by its name', () => server.serve('m.tar.gz', (_, response) => void response.end()), 'far'],
    [
      'an archive by its type',
      () =>
        server.serve(
          'm',
          (_, response) => void response.setHeader('content-type', 'application/zip').end('x'),
        ),
      'far',
    ],
    ['a local directory', () => directoryOf(NEAR.files, 10), `near, ${NEAR.files * 10}`],
    [
      'a gzip-encoded file',
      () =>
        server.serve(
          'm',
          (_, response) =>
            void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1000))),
        ),
      'far',
    ],
    ['a volume, which may be on a network', () => 'pvc://claim/m', 'far'],
    ['a directory with more files', () => directoryOf(NEAR.files + 1, 10), 'far'],
    ['an object store', () => 's3://bucket/m', 'far'],
    ['Azure over https', () => 'https://account.blob.core.windows.net/container/m', 'far'],
    ['a hub', () => 'hf://owner/m', 'far'],
    ['not a URI', () => 'm', 'far'],
  ])('%s', async (_, uriOf, expected) => {
    const { puller, pull } = scene();
    expect(await pull(await uriOf())).toBe(expected);
    await puller.stop();
  });

  it('that was left to the other process is not requested here again', async () => {
    const { puller, far, pull } = scene();
    const uri = server.file({ bytes: 10, announce: false });
    const asked = (): number => server.requests.filter(({ url = '-' }) => uri.endsWith(url)).length;
    expect([await pull(uri), asked(), await pull(uri), asked()]).toEqual(['far', 1, 'far', 1]);
    expect(far).toEqual([uri, uri]);
    await puller.stop();
  });

  it('is left to the other process when much was fetched here recently, without counting against the budget', async () => {
    const { puller, far, pull } = scene();
    const uri = server.file({ bytes: 1_000 });
    expect(await pull(await directoryOf(1, NEAR_BUDGET.bytes - 500))).toMatch('near');
    expect(await pull(uri)).toBe('far');
    expect(await pull(server.file({ bytes: 500 }))).toBe('near, 500');
    expect(far).toEqual([uri]);
    await puller.stop();
  });

  it('is left to the other process when many were fetched here recently, without a request here', async () => {
    const { puller, far, pull } = scene();
    const uri = server.file({ bytes: 10 });
    for (let turn = 0; turn < NEAR_BUDGET.models; turn += 1) expect(await pull(uri)).toBe('near, 10');
    const asked = server.requests.length;
    expect([await pull(uri), far, server.requests.length]).toEqual(['far', [uri], asked]);
    await puller.stop();
  });

  it('is left to the other process while the maximum number is fetched here', async () => {
    const { puller, far } = scene();
    const pulls = Array.from({ length: NEAR.atOnce + 1 }, (_unused, index) =>
      puller.pull(
        {
          id: `${index}`,
          storageUri: server.file({ bytes: 10, hangAfter: 5 }),
          destination: join(root, `h${index}`),
        },
        unused,
        () => undefined,
      ),
    );
    expect(await pulls.at(-1)).toMatchObject({ kind: 'pulled' });
    expect(far).toHaveLength(1);
    await puller.stop();
    for (const result of await Promise.all(pulls.slice(0, -1)))
      expect(result).toMatchObject({ reason: 'Aborted' });
    expect((await readdir(root)).filter((name) => name.startsWith('h'))).toEqual([]);
  });
});

describe('whether the other process starts early', () => {
  it.each([
    ['[{"modelSpec":{"storageUri":"s3://b/m"}}]', true],
    ['[{"modelSpec":{"storageUri": "https://h/m.tar.gz"}}]', true],
    ['[{"modelSpec":{"storageUri":"https://h/m.onnx"}},{"modelSpec":{"storageUri":"file:///m"}}]', false],
    ['[{"modelSpec":{"storageUri":"pvc://c/m"}}]', true],
    ['[]', false],
    ['no JSON', false],
  ])('for %s: %s', async (text, expected) => {
    const directory = await mkdtemp(join(root, 'config-'));
    await writeFile(join(directory, 'models.json'), text);
    expect(startsWithFarModels(directory)).toBe(expected);
  });

  it('not without models.json', () => {
    expect(startsWithFarModels(join(root, 'nowhere'))).toBe(false);
  });
});
