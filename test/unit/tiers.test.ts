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
/** Every test file, relative to test/. */
let files: readonly string[];

beforeAll(async () => {
  tiers = JSON.parse(await readFile(join(REPOSITORY, 'test', 'tiers.json'), 'utf8')) as Tiers;
  const all = await readdir(join(REPOSITORY, 'test'), { recursive: true });
  files = all.filter((name) => name.endsWith('.test.ts')).sort();
});

describe('test/tiers.json', () => {
  it('names only existing files, and each once', () => {
    const { slow, soak, soakE2e } = tiers;
    for (const names of [slow, [...Object.keys(soak), ...Object.keys(soakE2e)]]) {
      expect(names.filter((name) => !files.includes(name))).toEqual([]);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('lists for the soak exactly the files with a long form', async () => {
    const sized: string[] = [];
    for (const file of files) {
      const text = await readFile(join(REPOSITORY, 'test', file), 'utf8');
      if (/^import \{ sized \} from/m.test(text)) sized.push(file);
    }
    expect([...Object.keys(tiers.soak), ...Object.keys(tiers.soakE2e)].sort()).toEqual(sized);
  });

  it('is described in CONTRIBUTING, with each long form', async () => {
    const page = await readFile(join(REPOSITORY, 'CONTRIBUTING.md'), 'utf8');
    for (const [file, what] of Object.entries({ ...tiers.soak, ...tiers.soakE2e })) {
      expect(page).toContain(`| \`test/${file}\` | ${what} |`);
    }
  });
});

describe('the tiers of jest', () => {
  /** The files that jest would run, relative to test/. */
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

  it('exclude slow files only in the quick tier', async () => {
    const all = files.filter((file) => !file.startsWith('e2e/'));
    expect(await listed('quick')).toEqual(all.filter((file) => !tiers.slow.includes(file)));
    expect(await listed('soak')).toEqual(all);
  });
});
