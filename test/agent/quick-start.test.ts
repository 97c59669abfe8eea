import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from '../../src/cli/binary-options.ts';
import { CHROMIUM, startBrowser } from '../support/browser.ts';
import { canHave } from '../support/installed-program.ts';
import { findKubectl } from '../support/kubectl.ts';
import { testMlserver } from '../support/mlserver.ts';
import { comparable, examplesOf, runExample, writeOutputs } from '../support/page-examples.ts';
import { linkedCheckout, paste, ROOT, shellBlocksOf } from '../support/page.ts';

const CLI_PAGE = 'docs/cli.md';
const PICTURE = join(ROOT, 'docs', 'page.png');
const run = promisify(execFile);

describe('the quick start of the README, pasted unchanged,', () => {
  let home = '';
  let checkout = '';
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'kserve-mms-quick-start-'));
    checkout = await linkedCheckout();
    const { path, assets } = await findKubectl();
    await testMlserver();
    // The test has its own cluster with the installed MLServer.
    await mkdir(join(home, 'kserve-mms'));
    await symlink(join(cacheDirectory(process.env), 'mlserver'), join(home, 'kserve-mms', 'mlserver'));
    const { KUBECONFIG: _, ...inherited } = process.env;
    environment = {
      ...inherited,
      PATH: `${dirname(path)}:${inherited['PATH'] ?? ''}`,
      ...{ XDG_CACHE_HOME: home, KUBEBUILDER_ASSETS: assets },
    };
  }, 300_000);

  afterAll(async () => {
    // Does nothing when the pasted commands have removed the cluster.
    await run('node', ['bin/mms.js', 'cluster', 'down'], { cwd: ROOT, env: environment });
    await Promise.all([home, checkout].map((directory) => rm(directory, { recursive: true, force: true })));
  }, 120_000);

  const options = (): { cwd: string; env: NodeJS.ProcessEnv } => ({ cwd: checkout, env: environment });

  /** Runs the examples of the CLI page in order. `UPDATE_GOLDENS=1` writes their output into the page. */
  const runTheExamples = async (): Promise<void> => {
    const at = {
      ...options(),
      env: { ...environment, ...(await exampleEnvironment(checkout, environment)) },
    };
    const examples = await examplesOf(CLI_PAGE);
    const outputs: string[] = [];
    for (const { command } of examples) outputs.push(await runExample(command, at));
    if (process.env['UPDATE_GOLDENS'] === '1') await writeOutputs(CLI_PAGE, outputs.map(withoutThisMachine));
    const shown = await examplesOf(CLI_PAGE);
    expect(outputs.map((output, index) => [examples[index]?.command, comparable(output)])).toEqual(
      shown.map(({ command, output }) => [command, comparable(output)]),
    );
    expect(examples.length).toBeGreaterThan(10);
  };

  it('ends with an answer, explains, and removes everything', async () => {
    const [start = '', ask = '', ...rest] = await shellBlocksOf('README.md', 'Quick start');
    const point = 'eval "$(./bin/mms.js cluster env)"\n';
    const first = await paste(start + ask, options());
    if (await canHave(CHROMIUM, "the page's picture")) await lookAtThePage(home);
    await runTheExamples();
    const output = first + (await paste(point + rest.join('\n'), options()));
    expect(output).toMatch(/^iris +classifiers +True +Loaded +1\/1 /m);
    // The first flower of the data set is a setosa, class 0.
    expect(output).toMatch(/"model_name":"iris".*"data":\[0\]/);
    expect(output).toMatch(/^no link is broken$/m);
    expect(output).toMatch(/^trainedmodel\/rose created$/m);
    expect(output).toMatch(/^✗ /m);
  }, 400_000);
});

/** The environment with `mms` and the quick start's cluster. Writes the files that the page shows by name. */
async function exampleEnvironment(checkout: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const pointed = await paste('eval "$(./bin/mms.js cluster env)"; echo "$KUBECONFIG"', {
    cwd: checkout,
    env,
  });
  const page = await readFile(join(ROOT, CLI_PAGE), 'utf8');
  for (const [, name = '', file = ''] of page.matchAll(/^```yaml\n# (\S+)\n([^]*?)^```$/gm)) {
    await writeFile(join(checkout, name), `# ${name}\n${file}`);
  }
  return { KUBECONFIG: pointed.trim(), PATH: `${join(ROOT, 'bin')}:${env['PATH'] ?? ''}` };
}

/** Replaces the names and paths of the machine that the page was written on. */
function withoutThisMachine(output: string): string {
  return output
    .replace(/\S+ leads$/gm, 'my-machine leads')
    .replace(/\/\S*\/kserve-mms\//g, '~/.cache/kserve-mms/');
}

/** Width and height of a PNG: https://www.w3.org/TR/png-3/#11IHDR */
function sizeOf(png: Buffer): readonly number[] {
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

/** Takes the README's picture. `UPDATE_PICTURES=1` stores it. */
async function lookAtThePage(home: string): Promise<void> {
  const keeper = join(home, 'kserve-mms', 'cluster', 'default', 'keeper.json');
  const [address = ''] = /http:\/\/localhost:\d+/.exec(await readFile(keeper, 'utf8')) ?? [];
  const browser = await startBrowser();
  try {
    const page = await browser.newPage({ viewport: { width: 1000, height: 560 } });
    await page.goto(`${address}/#/default/classifiers`);
    for (const model of ['iris', 'wine', 'cancer']) {
      await page.getByText(model, { exact: true }).first().waitFor();
    }
    const taken = await page.screenshot();
    if (process.env['UPDATE_PICTURES'] !== undefined) await writeFile(PICTURE, taken);
    expect(sizeOf(await readFile(PICTURE))).toEqual(sizeOf(taken));
  } finally {
    await browser.close();
  }
}
