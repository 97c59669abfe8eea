import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeProgram } from '../support/envtest-mirror.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
/** Makes the Node that runs a script look too old to it. */
const OLD_NODE = [
  '--import',
  `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.1.0'}})`,
];

/** A repository with the real scripts, one source file, and an npm that records its calls. */
let clone: string;

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'scripts-test-'));
  for (const name of ['scripts', '.ci']) {
    await cp(join(REPOSITORY, name), join(clone, name), { recursive: true });
  }
  // This repository has nothing to bundle. The tests of the agent and the manager run their real bundles.
  for (const [file, name] of [
    ['bundle-agent.mjs', 'bundleAgent'],
    ['bundle-cli.mjs', 'bundleCli'],
    ['bundle-page.mjs', 'bundlePage'],
  ] as const) {
    await writeFile(join(clone, 'scripts', file), `export const ${name} = async () => [];\n`);
  }
  const options = {
    compilerOptions: { rootDir: 'src', target: 'ES2024', module: 'NodeNext', types: [] },
    include: ['src'],
  };
  await write('package.json', { type: 'module' });
  await write('tsconfig.json', options);
  await write('tsconfig.build.json', options);
  await writeLock('1.0.0');
  await mkdir(join(clone, 'src'));
  await writeFile(join(clone, 'src', 'main.ts'), 'export const one: number = 1;\n');
  await withNpm(installing());
});
afterEach(() => rm(clone, { recursive: true }));

function write(name: string, value: unknown): Promise<void> {
  return writeFile(join(clone, name), JSON.stringify(value));
}

function writeLock(version: string): Promise<void> {
  const packages = {
    '': {},
    'node_modules/a': { version },
    'node_modules/other-platform': { version, optional: true },
  };
  return write('package-lock.json', { packages });
}

function withNpm(script: string): Promise<void> {
  return writeProgram(join(clone, 'npm-bin'), 'npm', `echo "$@" >> npm-calls\n${script}`);
}

/** Creates the files of `npm ci` that the scripts check. */
function installing(): string {
  const modules = join(REPOSITORY, 'node_modules');
  return `rm -rf node_modules; mkdir -p node_modules/.bin
sed 's/,"node_modules.other-platform":{[^}]*}//' package-lock.json > node_modules/.package-lock.json
ln -s ${process.execPath} node_modules/.bin/node; ln -s ${modules}/typescript node_modules/typescript`;
}

async function writeScript(name: string, text: string): Promise<void> {
  await mkdir(dirname(join(clone, name)), { recursive: true });
  await writeFile(join(clone, name), text);
}

async function npmCalls(): Promise<number> {
  return existsSync(join(clone, 'npm-calls'))
    ? (await readFile(join(clone, 'npm-calls'), 'utf8')).trimEnd().split('\n').length
    : 0;
}

async function execute(command: string, args: string[], path = join(clone, 'npm-bin')) {
  const PATH = `${path}:${dirname(process.execPath)}:/usr/bin:/bin`;
  const child = spawn(command, args, {
    cwd: tmpdir(),
    env: { PATH: path === '' ? '' : PATH, HOME: clone },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'exit'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code: code as number, stdout, stderr };
}

const setup = (path?: string) => execute(process.execPath, [join(clone, 'scripts', 'setup.mjs')], path);

describe('setting up', () => {
  it('installs and builds once, from any directory', async () => {
    expect(await setup()).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/npm ci[^]*building[^]*ready/),
    });
    expect(existsSync(join(clone, 'dist', 'main.js'))).toBe(true);
    expect(await setup()).toEqual({ code: 0, stdout: '', stderr: 'ready\n' });
    expect(await npmCalls()).toBe(1);
  });

  it('only builds again when a source changed, and removes stale files from dist', async () => {
    await setup();
    await rm(join(clone, 'src', 'main.ts'));
    await writeFile(join(clone, 'src', 'other.ts'), 'export {};\n');
    expect((await setup()).code).toBe(0);
    expect(existsSync(join(clone, 'dist', 'other.js'))).toBe(true);
    expect(existsSync(join(clone, 'dist', 'main.js'))).toBe(false);
    expect(await npmCalls()).toBe(1);
  });

  it('keeps the last good build when the new one fails', async () => {
    await setup();
    await writeFile(join(clone, 'src', 'main.ts'), 'export const one: number = "1";\n');
    const { code, stdout, stderr } = await setup();
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/TS2322[^]*the build failed/);
    expect(await readFile(join(clone, 'dist', 'main.js'), 'utf8')).toContain('one = 1');
  });

  it('installs again when package-lock.json changes versions', async () => {
    await setup();
    await writeLock('1.0.1');
    expect((await setup()).code).toBe(0);
    expect(await npmCalls()).toBe(2);
  });

  it('says what to do when npm is missing', async () => {
    const { code, stderr } = await setup('');
    expect(code).toBe(1);
    expect(stderr).toMatch(/npm cannot be started \(ENOENT\)[^]*nodejs\.org/);
  });

  it('says what to do when npm fails', async () => {
    await withNpm('exit 7');
    const { code, stderr } = await setup();
    expect(code).toBe(1);
    expect(stderr).toMatch(/`npm ci` failed with exit code 7[^]*registry/);
  });

  it('says what to do when npm did not install Node', async () => {
    await withNpm(`${installing()}; rm node_modules/.bin/node`);
    const { code, stderr } = await setup();
    expect(code).toBe(1);
    expect(stderr).toMatch(/ignore-scripts/);
  });

  it('says what to do when Node is too old', async () => {
    const { code, stderr } = await execute(process.execPath, [
      ...OLD_NODE,
      join(clone, 'scripts', 'setup.mjs'),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Node 20 or later is needed/);
    expect(await npmCalls()).toBe(0);
  });
});

describe('the last line of a check', () => {
  const PASSED = { success: true, numPassedTests: 3 };

  it.each<[string, object | undefined, string, number]>([
    ['all passed', PASSED, '13 passed, 0 failed', 0],
    ['some failed', { success: false, numPassedTests: 3, numFailedTests: 2 }, '13 passed, 2 failed', 1],
    [
      'a file could not be run',
      { success: false, numPassedTests: 3, numRuntimeErrorTestSuites: 1 },
      '13 passed, 1 failed',
      1,
    ],
    [
      'tests were skipped',
      { success: true, numPassedTests: 3, numPendingTests: 1, numTodoTests: 1 },
      '13 passed, 2 failed',
      1,
    ],
    ['nothing was tested', { success: true, numPassedTests: 0 }, '10 passed, 1 failed', 1],
    ['jest failed without a failed test', { success: false, numPassedTests: 3 }, '13 passed, 1 failed', 1],
    ['there is no result', undefined, '10 passed, 1 failed', 1],
  ])('when %s', async (_what, result, line, exitCode) => {
    const others = [4, 6].map((numPassedTests) => ({ success: true, numPassedTests }));
    for (const name of ['jest.json', 'e2e.json', 'guard.json']) {
      const rest = ['jest.json', 'e2e.json', 'guard.json'].filter((other) => other !== name);
      const all = Object.fromEntries(rest.map((other, index) => [other, others[index]]));
      expect(await summaryOf({ ...all, [name]: result })).toEqual({ line, code: exitCode });
    }
  });

  it('when the tests changed the checkout', async () => {
    const all = { 'jest.json': PASSED, 'e2e.json': PASSED, 'guard.json': PASSED };
    expect(await summaryOf(all, ['--checkout-changed'])).toEqual({ line: '9 passed, 1 failed', code: 1 });
  });

  /** The summary for these results of `npm test`, `npm run test:e2e` and `npm run bench:guard`. */
  async function summaryOf(results: Record<string, object | undefined>, args: readonly string[] = []) {
    const directory = join(clone, 'test-results');
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory);
    for (const [name, result] of Object.entries(results)) {
      if (result !== undefined) await write(join('test-results', name), result);
    }
    const { code, stdout } = await execute(process.execPath, [
      join(clone, 'scripts', 'summary.mjs'),
      ...args,
    ]);
    return { line: stdout.trimEnd().split('\n').at(-1), code };
  }

  it('follows the names of the failed tests', async () => {
    await mkdir(join(clone, 'test-results'), { recursive: true });
    const failures = [
      {
        name: join(clone, 'test', 'a.test.ts'),
        status: 'failed',
        assertionResults: [
          { status: 'passed', fullName: 'one' },
          { status: 'failed', fullName: 'two' },
        ],
      },
      { name: join(clone, 'test', 'b.test.ts'), status: 'failed', assertionResults: [] },
      { name: join(clone, 'test', 'c.test.ts'), status: 'passed', assertionResults: [] },
    ];
    const report = { numPassedTests: 1, numFailedTests: 1, numRuntimeErrorTestSuites: 1 };
    await write(join('test-results', 'jest.json'), { ...report, testResults: failures });
    const { stdout } = await execute(process.execPath, [join(clone, 'scripts', 'summary.mjs')]);
    const named = stdout.split('\n').filter((line) => line.startsWith('failed: '));
    expect(named).toEqual(['failed: test/a.test.ts: two', 'failed: test/b.test.ts']);
  });

  it.each<[string, string, RegExp]>([
    ['the set-up', 'exit 1', /Set up failed with exit code 1/],
    ['lint', `[ "$1" = ci ] || exit 5\n${installing()}`, /Lint failed with exit code 5/],
  ])('is printed when %s fails before the tests', async (_what, npm, failure) => {
    await withNpm(npm);
    const { code, stdout } = await execute(join(clone, '.ci', 'run'), []);
    expect(code).toBe(1);
    expect(stdout).toMatch(failure);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 1 failed');
  });
});

describe('npm test', () => {
  /** The arguments of jest, and the tier passed to it and to the tests. */
  async function called(script: string, args: readonly string[]) {
    if (!existsSync(join(clone, 'dist'))) await setup();
    await writeScript('bin/mms.js', '');
    await writeScript(
      'scripts/jest.mjs',
      `import { appendFileSync, writeFileSync } from 'node:fs';
const own = process.argv.slice(2).filter((arg) => !/^--(json|outputFile)/.test(arg));
const { KSERVE_MMS_TEST_TIER, FUZZ_SEED = '' } = process.env;
appendFileSync('jest-calls', [KSERVE_MMS_TEST_TIER, FUZZ_SEED, ...own].join(' ').trimEnd() + '\\n');
const [, output] = process.argv.map((arg) => /^--outputFile=(.*)/.exec(arg)).find(Boolean);
writeFileSync(output, JSON.stringify({ numPassedTests: 1 }));`,
    );
    const result = await execute(process.execPath, [join(clone, 'scripts', script), ...args]);
    const calls = await readFile(join(clone, 'jest-calls'), 'utf8').catch(() => '');
    return { ...result, calls: calls.trimEnd().split('\n') };
  }

  it('runs the tier for its arguments, and says when slow files were left out', async () => {
    const tiers: readonly (readonly [args: string, call: string])[] = [
      ['', 'quick'],
      ['--selectProjects unit', 'quick  --selectProjects unit'],
      ['--full --selectProjects unit agent', 'full  --selectProjects unit agent'],
      ['test/unit/a.test.ts', 'full  test/unit/a.test.ts'],
      ['a --selectProjects unit', 'full  a --selectProjects unit'],
      ['--runTestsByPath a.ts', 'full  --runTestsByPath a.ts'],
      ['--verbose', 'quick  --verbose'],
      ['--soak --maxWorkers=1 a', 'soak  --maxWorkers=1 a'],
    ];
    for (const [args, call] of tiers) {
      const { code, stderr, calls } = await called('test.mjs', args.split(' ').filter(Boolean));
      expect({ args, code, call: calls.at(-1) }).toEqual({ args, code: 0, call });
      expect({ args, said: stderr.includes('npm run test:full') }).toEqual({
        ...{ args, said: call.startsWith('quick') },
      });
    }
  });

  it('ends with an open server, without a message about it', async () => {
    const rootDir = join(clone, 'tests');
    await mkdir(rootDir);
    const open = "test('leaves a server open', () => void require('node:http').createServer().listen(0));\n";
    await writeFile(join(rootDir, 'open.test.cjs'), open);
    const config = JSON.stringify({ rootDir, testRegex: 'open', testEnvironment: 'node' });
    const script = join(REPOSITORY, 'scripts', 'jest.mjs');
    const { code, stderr } = await execute(process.execPath, [script, `--config=${config}`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('1 passed') });
    expect(stderr).not.toMatch(/Force exiting|did not exit/);
    await writeFile(join(rootDir, 'open.test.cjs'), `${open}test('fails', () => { throw new Error(); });\n`);
    expect((await execute(process.execPath, [script, `--config=${config}`])).code).toBe(1);
  });

  it('npm run soak: runs the long forms one after another, with the given seed', async () => {
    const tiers = { slow: ['a.ts'], soak: { 'b.ts': 'longer' }, soakE2e: { 'e2e/c.ts': 'longer' } };
    await writeScript('test/tiers.json', JSON.stringify(tiers));
    await writeScript(
      'test/e2e/support/main.ts',
      `import { appendFileSync } from 'node:fs';
const { KSERVE_MMS_TEST_TIER, FUZZ_SEED } = process.env;
appendFileSync('jest-calls', ['e2e', KSERVE_MMS_TEST_TIER, FUZZ_SEED, ...process.argv.slice(2)].join(' '));`,
    );
    const { code, stderr, calls } = await called('soak.mjs', []);
    const mayHaveNode = process.getuid?.() === 0;
    expect(calls).toEqual([
      'soak 1 --maxWorkers=1 --runTestsByPath test/b.ts',
      ...(mayHaveNode ? ['e2e soak 1 --runTestsByPath test/e2e/c.ts'] : []),
    ]);
    expect({ code, stderr }).toMatchObject({ code: mayHaveNode ? 0 : 1 });
    expect(await called('soak.mjs', ['--hours', 'x'])).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining('usage: npm run soak') },
    });
  });
});
