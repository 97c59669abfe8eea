import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandName } from '../../../src/cli/command-name.ts';

describe('the name of the program', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-path-'));
    await writeFile(join(directory, 'mms'), '');
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('is its name when it is in the PATH, and otherwise the file in the repository', () => {
    expect(commandName({ PATH: `/nowhere:${directory}` })).toBe('mms');
    expect(commandName({ PATH: '/nowhere::' })).toBe('./bin/mms.js');
    expect(commandName({})).toBe('./bin/mms.js');
  });
});
