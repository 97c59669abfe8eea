import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'kserve-mms-volumes-'));
  await mkdir(join(root, 'pvc', 'claim', 'm1', 'blobs'), { recursive: true });
  await mkdir(join(root, 'pvc', 'claim', 'empty'), { recursive: true });
  await writeFile(join(root, 'secret'), 'outside');
  await writeFile(join(root, 'pvc', 'claim', 'm1', 'blobs', 'x'), 'weights');
  await writeFile(join(root, 'pvc', 'claim', 'm1', 'config.json'), '{}');
  await symlink('blobs/x', join(root, 'pvc', 'claim', 'm1', 'model.bin'));
  await evil('escaping', (directory) => symlink('../../../secret', join(directory, 'stolen')));
  await evil('absolute', (directory) => symlink('/etc', join(directory, 'etc')));
  await evil('looping', (directory) => symlink('..', join(directory, 'up')));
  await evil('piped', (directory) => execFileSync('mkfifo', [join(directory, 'pipe')]));
  await evil('dangling', (directory) => symlink('nowhere', join(directory, 'gone')));
  await symlink('/etc', join(root, 'pvc', 'claim', 'linked'));
  await mounted();
  await wholeVolume();
  await mkdir(join(root, 'pvc', 'locked', 'm'), { recursive: true });
  await writeFile(join(root, 'pvc', 'locked', 'm', 'weights'), 'w', { mode: 0 });
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A model that is a whole volume, with what file systems put there. */
async function wholeVolume(): Promise<void> {
  const volume = join(root, 'pvc', 'volume');
  await mkdir(join(volume, 'ensemble', '1'), { recursive: true });
  await writeFile(join(volume, 'ensemble', 'config.pbtxt'), 'name');
  for (const name of ['lost+found', '.snapshot', '.Trash-1000', 'System Volume Information']) {
    await mkdir(join(volume, name), { mode: 0 });
  }
  await mkdir(join(volume, 'ensemble', 'lost+found'));
  await writeFile(join(volume, 'ensemble', 'lost+found', 'mine'), 'x');
}

/** What a projected volume, an NFS client and another agent leave beside a model, and a volume that is mounted below the top. */
async function mounted(): Promise<void> {
  const directory = join(root, 'pvc', 'mounted');
  await mkdir(join(directory, '..2026_11_29'), { recursive: true });
  await mkdir(join(directory, 'disk', '.snapshot', 'daily'), { recursive: true });
  await mkdir(join(directory, 'disk', 'lost+found'), { mode: 0 });
  await writeFile(join(directory, 'disk', 'w.bin'), 'weights');
  await writeFile(join(directory, 'disk', '.nfs00000000a1b2c3d400000001'), 'deleted');
  await writeFile(join(directory, 'disk', '.snapshot', 'daily', 'w.bin'), 'old');
  await writeFile(join(directory, '..2026_11_29', 'config.json'), '{}');
  await symlink('..2026_11_29', join(directory, '..data'));
  await symlink('..data/config.json', join(directory, 'config.json'));
  await symlink('nowhere', join(directory, `SUCCESS.${'0'.repeat(64)}`));
}

/** As the agent runs in a pod; a user who is not root already is none of this. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

async function evil(name: string, fill: (directory: string) => unknown): Promise<void> {
  const directory = join(root, 'pvc', 'claim', name);
  await mkdir(directory);
  await writeFile(join(directory, 'a'), 'a');
  await fill(directory);
}

function pull(uri: string): Promise<Pulled> {
  return pullOnce(uri, { settings: { pvcRoot: join(root, 'pvc'), fileRoots: [join(root, 'pvc', 'claim')] } });
}

describe('models on mounted volumes', () => {
  it('a directory comes with everything below it; links inside the volume are followed', async () => {
    const pulled = await pull('pvc://claim/m1');
    expect(pulled.result).toMatchObject({ kind: 'pulled', files: 3 });
    expect(texts(pulled)).toEqual({ 'blobs/x': 'weights', 'config.json': '{}', 'model.bin': 'weights' });
  });

  it('a single file comes under its base name', async () => {
    expect(texts(await pull('pvc://claim/m1/config.json'))).toEqual({ 'config.json': '{}' });
  });

  it('file:// reads below the allowed directories', async () => {
    const uri = `file://${join(root, 'pvc', 'claim', 'm1', 'config.json')}`;
    expect(texts(await pull(uri))).toEqual({ 'config.json': '{}' });
  });

  it('leaves out what the file system puts at the top of a volume, and keeps empty directories', async () => {
    await chmod(root, 0o755);
    const pulled = await asNobody(() => pull('pvc://volume'));
    expect(pulled.result).toMatchObject({ kind: 'pulled', files: 2 });
    expect([...pulled.modes.keys()].sort()).toEqual([
      'ensemble',
      'ensemble/1',
      'ensemble/config.pbtxt',
      'ensemble/lost+found',
      'ensemble/lost+found/mine',
    ]);
  });

  it('leaves out what Kubernetes, NFS and other agents put beside a model, and a file system mounted below the top', async () => {
    await chmod(root, 0o755);
    const pulled = await asNobody(() => pull('pvc://mounted'));
    expect(texts(pulled)).toEqual({ 'config.json': '{}', 'disk/w.bin': 'weights' });
  });

  it.each([
    ['a link that leads nowhere', 'pvc://claim/dangling', 'NotFound', 'gone'],
    ['a file that may not be read', 'pvc://locked/m', 'AccessDenied', 'weights'],
    [
      'where a claim has to be mounted',
      'pvc://none/m1',
      'NotFound',
      "/pvc/none. Mount the volume of the claim into the agent's",
    ],
  ])('%s is named', async (_, uri, reason, name) => {
    await chmod(root, 0o755);
    const { result } = await asNobody(() => pull(uri));
    expect(result).toMatchObject({ kind: 'failed', reason, message: expect.stringContaining(name) });
  });

  it.each([
    ['outside the allowed directories', () => `file://${join(root, 'secret')}`, 'AccessDenied'],
    ['up and out', () => `file://${root}/pvc/claim/../../secret`, 'AccessDenied'],
    ['up and out of a claim', () => 'pvc://claim/../../secret', 'NotFound'],
    ['by a link', () => 'pvc://claim/linked/passwd', 'AccessDenied'],
    ['a path that is not there', () => 'pvc://claim/none', 'NotFound'],
    ['a claim that is not mounted', () => 'pvc://none/m1', 'NotFound'],
    ['an empty directory', () => 'pvc://claim/empty', 'NotFound'],
    ['a link in it that leads out', () => 'pvc://claim/escaping', 'UnsafeEntry'],
    ['an absolute link in it', () => 'pvc://claim/absolute', 'UnsafeEntry'],
    ['a link in it that goes round', () => 'pvc://claim/looping', 'UnsafeEntry'],
    ['a pipe in it', () => 'pvc://claim/piped', 'UnsafeEntry'],
  ])('%s is refused for good', async (_, uri, reason) => {
    const { result, files, outside } = await pull(uri());
    expect(result).toMatchObject({ kind: 'failed', reason, retry: 'rarely' });
    expect([...files.keys(), ...outside]).toEqual([]);
  });
});
