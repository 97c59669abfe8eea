import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aptInstall } from '../support/apt-install.ts';
import { writeProgram } from '../support/envtest-mirror.ts';
import { canHave } from '../support/installed-program.ts';

const FISH = { names: ['fish'], packages: ['fish', 'fish-common'], purpose: 'a shell to complete in' };

let directory = '';
/** A machine whose only program is an apt-get that records its calls. */
let machine: NodeJS.ProcessEnv;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'apt-test-'));
  await writeProgram(join(directory, 'bin'), 'apt-get', `echo "$@" >> ${directory}/calls`);
  machine = { PATH: join(directory, 'bin') };
});
afterAll(() => rm(directory, { recursive: true }));

describe('a missing program of a test', () => {
  it('is not installed without a request, and the error says what to do', async () => {
    const lines: string[] = [];
    const installing = aptInstall(FISH.packages, FISH.purpose, machine, (line) => lines.push(line));
    await expect(installing).rejects.toThrow(
      /need fish, fish-common for a shell[^]*KSERVE_MMS_APT_INSTALL=1/,
    );
    expect(lines).toEqual([]);
  });

  it.each([{ KSERVE_MMS_APT_INSTALL: '0' }, { KSERVE_MMS_APT_INSTALL: '' }, { CI: 'true' }])(
    'is skipped with one line for %j',
    async (asked) => {
      const lines: string[] = [];
      const having = canHave(FISH, 'completion in fish', { ...machine, ...asked }, (line) =>
        lines.push(line),
      );
      expect(await having).toBe(false);
      expect(lines).toEqual([
        'skipped: completion in fish, for want of fish in the PATH; install fish fish-common, ' +
          'or set KSERVE_MMS_APT_INSTALL=1 to have apt-get do it',
      ]);
    },
  );

  it('is installed if requested', async () => {
    const asked = { ...machine, KSERVE_MMS_APT_INSTALL: '1' };
    expect(await canHave(FISH, 'completion in fish', asked)).toBe(true);
    const lines: string[] = [];
    await aptInstall(FISH.packages, FISH.purpose, asked, (line) => lines.push(line));
    expect(lines).toEqual(['installing with apt-get, for a shell to complete in: fish fish-common']);
  });

  it('is one that is not in the PATH under any of its names', async () => {
    const browser = { names: ['chromium', 'apt-get'], packages: ['chromium'], purpose: 'a browser' };
    expect(await canHave(browser, 'the page', machine)).toBe(true);
  });
});
