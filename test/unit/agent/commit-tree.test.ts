import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { access, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCommitTree } from '../../../src/agent/commit-tree.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const FILES = 50;
const TIMES = 20;

describe('a tree that is committed while the settings for MLServer are hidden and shown', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-commit-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is marked', async () => {
    const shown = join(directory, 'model-settings.json');
    const hidden = join(directory, '.model-settings.json');
    for (let file = 0; file < FILES; file++) await writeFile(join(directory, `f${file}`), '');
    await writeFile(shown, '{}');
    const commit = createCommitTree(systemClock);
    const over = new AbortController();
    const isOver = () => over.signal.aborted;
    const turning = (async () => {
      while (!isOver()) {
        await rename(shown, hidden);
        await rename(hidden, shown);
      }
    })();
    try {
      for (let time = 0; time < TIMES; time++) {
        const marker = { name: `SUCCESS.${time}`, content: '' };
        await commit(directory, marker);
        await access(join(directory, marker.name));
      }
    } finally {
      over.abort();
      await turning;
    }
    expect.assertions(0);
  });
});
