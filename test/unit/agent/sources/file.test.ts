import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
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
  await symlink('/etc', join(root, 'pvc', 'claim', 'linked'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

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
