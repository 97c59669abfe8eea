import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandName } from '../../../src/cli/command-name.ts';

describe('how the program is called', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-path-'));
    await writeFile(join(directory, 'mms'), '');
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('is its name where the PATH has it, and the file in the repository elsewhere', () => {
    expect(commandName({ PATH: `/nowhere:${directory}` })).toBe('mms');
    expect(commandName({ PATH: '/nowhere::' })).toBe('./bin/mms.js');
    expect(commandName({})).toBe('./bin/mms.js');
  });
});
