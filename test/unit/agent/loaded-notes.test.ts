import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadedNotes, openLoadedNotes } from '../../../src/agent/loaded-notes.ts';

describe('the notes of loaded models', () => {
  let root: string;
  let path: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-notes-'));
    path = join(root, 'loaded.jsonl');
  });
  const opened: LoadedNotes[] = [];
  afterEach(async () => {
    for (const notes of opened.splice(0)) await notes.close();
    await rm(root, { recursive: true, force: true });
  });

  const open = async () => {
    const notes = await openLoadedNotes(path);
    opened.push(notes);
    return notes;
  };
  /** The hashes that the next agent finds. */
  const hashes = async (...names: readonly string[]) => {
    const notes = await open();
    return names.map((name) => notes.hashOf(name));
  };

  it('are available to the next agent, with the last of each model', async () => {
    const notes = await open();
    await Promise.all([notes.put('a', 'h1'), notes.put('b', 'h2'), notes.put('c', 'h3')]);
    await notes.put('a', 'h4');
    await notes.drop('b');
    expect(['a', 'b', 'c', 'd'].map((name) => notes.hashOf(name))).toEqual([
      'h4',
      undefined,
      'h3',
      undefined,
    ]);
    expect(await hashes('a', 'b', 'c', 'd')).toEqual(['h4', undefined, 'h3', undefined]);
  });

  it('keep the order of the calls', async () => {
    const notes = await open();
    await notes.put('a', 'h0');
    await Promise.all([notes.drop('a'), notes.put('a', 'h1'), notes.put('b', 'h2'), notes.put('a', 'h3')]);
    expect(await hashes('a', 'b')).toEqual(['h3', 'h2']);
  });

  it('accept names of object properties', async () => {
    await (await open()).put('__proto__', 'h1');
    expect(await hashes('__proto__', 'constructor')).toEqual(['h1', undefined]);
  });

  it.each([
    ['that are truncated', '\n{"name":"b","ha'],
    ['that are not notes', '\n[]\n5\nnull\n{"name":5,"hash":"h"}\nwords'],
  ])('survive lines %s', async (_what, lines) => {
    await (await open()).put('a', 'h1');
    await appendFile(path, lines);
    await (await open()).put('c', 'h3');
    expect(await hashes('a', 'b', 'c')).toEqual(['h1', undefined, 'h3']);
  });

  it('are rewritten before old lines fill the disk', async () => {
    const notes = await open();
    for (let round = 0; round < 500; round += 1) {
      await Promise.all(Array.from({ length: 10 }, (_, model) => notes.put(`m${model}`, `h${round}`)));
    }
    const lines = (await readFile(path, 'utf8')).split('\n').length;
    expect(lines).toBeLessThan(1_100);
    expect(await hashes('m0', 'm9')).toEqual(['h499', 'h499']);
  });
});
