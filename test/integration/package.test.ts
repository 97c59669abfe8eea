import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

/** The Node.js releases that the package supports, as binaries from the npm registry that need no install script. */
const NODES = ['22', '24'];

describe('the npm package', () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-package-'));
    // The tests have built it already.
    const { stdout } = await run(
      'npm',
      ['pack', '--ignore-scripts', '--json', '--pack-destination', directory],
      {
        cwd: ROOT,
      },
    );
    const [packed] = JSON.parse(stdout) as { filename: string }[];
    await writeFile(join(directory, 'package.json'), '{"private":true}');
    const nodes = NODES.map((major) => `node-${major}@npm:node-linux-${process.arch}@${major}`);
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--omit=dev', '--ignore-scripts'];
    await run('npm', ['install', ...quiet, join(directory, packed!.filename), ...nodes], { cwd: directory });
  }, 300_000);

  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each(NODES)('runs on Node.js %s', async (major) => {
    const node = join(directory, 'node_modules', `node-${major}`, 'bin', 'node');
    expect((await run(node, ['--version'])).stdout).toMatch(new RegExp(`^v${major}\\.`));
    const mms = join(directory, 'node_modules', 'kserve-mms', 'bin', 'mms.js');
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect((await run(node, [mms, '--help'])).stdout).toMatch(/^Usage: mms /);
    expect((await run(node, [mms, '--version'])).stdout.trim()).toBe(version);
    expect((await run(node, [mms, 'agent', '--help'])).stdout).toContain('--enable-puller');
  });

  it('adds its programs to the PATH', async () => {
    const modules = join(directory, 'node_modules');
    const path = `${join(modules, `node-${NODES.at(-1)}`, 'bin')}:${process.env['PATH'] ?? ''}`;
    for (const program of ['mms', 'kubectl-mms']) {
      const env = { ...process.env, PATH: path };
      const { stdout } = await run(join(modules, '.bin', program), ['--help'], { env });
      expect(stdout).toMatch(/^Usage: /);
    }
  });
});
