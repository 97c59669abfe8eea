import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';

const REPOSITORY = join(import.meta.dirname, '..', '..');

interface Tiers {
  readonly slow: readonly string[];
  readonly soak: Readonly<Record<string, string>>;
  readonly soakE2e: Readonly<Record<string, string>>;
}

let tiers: Tiers;
/** Every test file, below test/. */
let files: readonly string[];

beforeAll(async () => {
  tiers = JSON.parse(await readFile(join(REPOSITORY, 'test', 'tiers.json'), 'utf8')) as Tiers;
  const all = await readdir(join(REPOSITORY, 'test'), { recursive: true });
  files = all.filter((name) => name.endsWith('.test.ts')).sort();
});

describe('test/tiers.json', () => {
  it('names no file that there is not, and none twice', () => {
    const { slow, soak, soakE2e } = tiers;
    for (const names of [slow, [...Object.keys(soak), ...Object.keys(soakE2e)]]) {
      expect(names.filter((name) => !files.includes(name))).toEqual([]);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('has the soak run just the files that have a long form', async () => {
    const sized: string[] = [];
    for (const file of files) {
      const text = await readFile(join(REPOSITORY, 'test', file), 'utf8');
      if (/^import \{ sized \} from/m.test(text)) sized.push(file);
    }
    expect([...Object.keys(tiers.soak), ...Object.keys(tiers.soakE2e)].sort()).toEqual(sized);
  });

  it('is told in CONTRIBUTING: what each long form is', async () => {
    const page = await readFile(join(REPOSITORY, 'CONTRIBUTING.md'), 'utf8');
    for (const [file, what] of Object.entries({ ...tiers.soak, ...tiers.soakE2e })) {
      expect(page).toContain(`| \`test/${file}\` | ${what} |`);
    }
  });
});

describe('the tiers of jest', () => {
  /** The files that jest would run, below test/. */
  async function listed(tier: string): Promise<string[]> {
    const env = { ...process.env, KSERVE_MMS_TEST_TIER: tier };
    const jest = join(REPOSITORY, 'node_modules', 'jest', 'bin', 'jest.js');
    const { stdout } = await promisify(execFile)(process.execPath, [jest, '--listTests'], {
      ...{ cwd: REPOSITORY, env, maxBuffer: 1024 ** 2 },
    });
    return stdout
      .trimEnd()
      .split('\n')
      .map((path) => path.slice(join(REPOSITORY, 'test').length + 1))
      .sort();
  }

  it('leave out what is slow in the quick tier, and nothing in another', async () => {
    const all = files.filter((file) => !file.startsWith('e2e/'));
    expect(await listed('quick')).toEqual(all.filter((file) => !tiers.slow.includes(file)));
    expect(await listed('soak')).toEqual(all);
  });
});
