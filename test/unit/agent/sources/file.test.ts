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

/** A model that is a whole volume, with the directories that file systems create. */
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

/** Files of a projected volume, an NFS client and another agent beside a model, and a nested mount. */
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

/** Runs as an unprivileged user, like the agent in a pod. Does nothing if the user is not root. */
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
  it('copies a directory with everything below it, and follows links inside the volume', async () => {
    const pulled = await pull('pvc://claim/m1');
    expect(pulled.result).toMatchObject({ kind: 'pulled', files: 3 });
    expect(texts(pulled)).toEqual({ 'blobs/x': 'weights', 'config.json': '{}', 'model.bin': 'weights' });
  });

  it('copies a single file under its base name', async () => {
    expect(texts(await pull('pvc://claim/m1/config.json'))).toEqual({ 'config.json': '{}' });
  });

  it('reads file:// below the allowed directories', async () => {
    const uri = `file://${join(root, 'pvc', 'claim', 'm1', 'config.json')}`;
    expect(texts(await pull(uri))).toEqual({ 'config.json': '{}' });
  });

  it('leaves out the directories that a file system creates at the top of a volume, and keeps empty directories', async () => {
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

  it('leaves out files of Kubernetes, NFS and other agents, and the top directories of a nested mount', async () => {
    await chmod(root, 0o755);
    const pulled = await asNobody(() => pull('pvc://mounted'));
    expect(texts(pulled)).toEqual({ 'config.json': '{}', 'disk/w.bin': 'weights' });
  });

  it.each([
    ['a dangling link', 'pvc://claim/dangling', 'NotFound', 'gone'],
    ['an unreadable file', 'pvc://locked/m', 'AccessDenied', 'weights'],
    [
      'the mount path of a missing claim',
      'pvc://none/m1',
      'NotFound',
      "/pvc/none. Mount the volume of the claim into the agent's",
    ],
  ])('reports %s', async (_, uri, reason, name) => {
    await chmod(root, 0o755);
    const { result } = await asNobody(() => pull(uri));
    expect(result).toMatchObject({ kind: 'failed', reason, message: expect.stringContaining(name) });
  });

  it.each([
    ['outside the allowed directories', () => `file://${join(root, 'secret')}`, 'AccessDenied'],
    ['a path traversal', () => `file://${root}/pvc/claim/../../secret`, 'AccessDenied'],
    ['a path traversal out of a claim', () => 'pvc://claim/../../secret', 'NotFound'],
    ['through a link', () => 'pvc://claim/linked/passwd', 'AccessDenied'],
    ['a missing path', () => 'pvc://claim/none', 'NotFound'],
    ['a claim that is not mounted', () => 'pvc://none/m1', 'NotFound'],
    ['an empty directory', () => 'pvc://claim/empty', 'NotFound'],
    ['with a link to the outside', () => 'pvc://claim/escaping', 'UnsafeEntry'],
    ['with an absolute link', () => 'pvc://claim/absolute', 'UnsafeEntry'],
    ['with a circular link', () => 'pvc://claim/looping', 'UnsafeEntry'],
    ['with a pipe', () => 'pvc://claim/piped', 'UnsafeEntry'],
  ])('rejects a path for good: %s', async (_, uri, reason) => {
    const { result, files, outside } = await pull(uri());
    expect(result).toMatchObject({ kind: 'failed', reason, retry: 'rarely' });
    expect([...files.keys(), ...outside]).toEqual([]);
  });
});
