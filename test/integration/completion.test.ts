import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { namesFor } from '../../src/cli/completion/cluster-names.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { runCommand } from '../support/command-run.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { canHave, installedProgram } from '../support/installed-program.ts';
import type { PackagedProgram } from '../support/installed-program.ts';
import { kubectl, kubectlEnvironment } from '../support/kubectl.ts';
import { ROOT } from '../support/page.ts';

const run = promisify(execFile);

let directory = '';
let environment: NodeJS.ProcessEnv;

/** A terminal without output is given up after this many milliseconds. */
const PATIENCE = 60_000;
/** Includes one download. */
const INSTALLING = 300_000;

const shell = (name: string): PackagedProgram => ({
  ...{ names: [name], packages: [name], purpose: 'a shell to complete in' },
});
const describeIn = async (name: string): Promise<typeof describe.skip> =>
  (await canHave(shell(name), `completion in ${name}`)) ? describe : describe.skip;
const [describeInZsh, describeInFish] = [await describeIn('zsh'), await describeIn('fish')];

/** Arguments: the setup commands, the text to type, and the file that receives the command line after the Tab key. */
const ZSH_AT_A_TERMINAL = fileURLToPath(new URL('completion-terminal.zsh', import.meta.url));

/** Links the programs of package.json's `bin` into a directory of the PATH, as npm does. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kserve-mms-path-'));
  for (const [name, file] of [
    ['mms', 'mms.js'],
    ['kubectl-mms', 'kubectl-mms'],
    ['kubectl_complete-mms', 'kubectl_complete-mms'],
  ] as const) {
    await symlink(join(ROOT, 'bin', file), join(directory, name));
  }
  const env = await kubectlEnvironment('/nowhere');
  environment = { ...env, PATH: `${directory}${delimiter}${env['PATH'] ?? ''}` };
});
afterAll(() => rm(directory, { recursive: true }));

describe('bash with the completion script', () => {
  /** The words that bash would offer, given the words as bash splits them. */
  async function offered(...words: readonly string[]): Promise<string[]> {
    const script = `eval "$(mms completion bash)"
COMP_WORDS=(mms "$@"); COMP_CWORD=$#; _mms; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script, 'bash', ...words], {
      env: environment,
    });
    return stdout.split('\n').filter((line) => line !== '');
  }

  it.each<[string, readonly string[], readonly string[]]>([
    ['a command', ['ana'], ['analyze']],
    ['a command of a command', ['cluster', 'st'], ['status']],
    ['a flag', ['analyze', '--fail'], ['--fail-on']],
    ['the value of a flag', ['analyze', '-o', 'j'], ['json']],
    ['the value behind =', ['analyze', '--output', '=', 'j'], ['json']],
    ['an argument', ['completion', 'f'], ['fish']],
    ['nothing where there is nothing', ['analyze', '-f', 'x', 'y'], []],
  ])('completes %s', async (_what, words, expected) => {
    expect(await offered(...words)).toEqual(expected);
  });
});

describeInZsh('zsh', () => {
  beforeAll(() => installedProgram(shell('zsh')), INSTALLING);

  /** The command line after the Tab key, in a zsh at a terminal. */
  async function afterTab(line: string, setup: string): Promise<string> {
    const file = join(await mkdtemp(join(directory, 'zsh-')), 'line');
    const script = ['-f', ZSH_AT_A_TERMINAL, setup, line, file];
    await run('zsh', script, { env: environment, timeout: PATIENCE });
    return readFile(file, 'utf8');
  }

  const START = 'autoload -U compinit; compinit -u -D';
  const BY_EVAL = `${START}; eval "$(mms completion zsh)"`;

  it.each([
    ['a command', 'mms ana', 'mms analyze '],
    ['a command of a command', 'mms cluster stat', 'mms cluster status '],
    ['a flag', 'mms analyze --fail', 'mms analyze --fail-on '],
    ['the value behind =', 'mms analyze --output=j', 'mms analyze --output=json '],
    ['a file', `mms analyze -f ${ROOT}package-lo`, `mms analyze -f ${ROOT}package-lock.json `],
    ['nothing where there is nothing', 'mms analyze nosuch', 'mms analyze nosuch'],
  ])('completes %s', async (_what, line, expected) => {
    expect(await afterTab(line, BY_EVAL)).toBe(expected);
  });

  it('completes at the first key from a file in its fpath', async () => {
    const functions = await mkdtemp(join(directory, 'functions-'));
    const { stdout } = await run('mms', ['completion', 'zsh'], { env: environment });
    await writeFile(join(functions, '_mms'), stdout);
    expect(await afterTab('mms ana', `fpath=(${functions} $fpath); ${START}`)).toBe('mms analyze ');
  });
});

describeInFish('fish with the completion script', () => {
  beforeAll(() => installedProgram(shell('fish')), INSTALLING);

  /** Words and descriptions, as fish lists them. */
  async function offered(line: string): Promise<string[]> {
    const script = 'mms completion fish | source; complete -C $argv[1]';
    const { stdout } = await run('fish', ['--no-config', '-c', script, line], { env: environment });
    return stdout.split('\n').filter((entry) => entry !== '');
  }

  it.each([
    ['a command', 'mms comp', [/^completion\tprint what makes a shell complete/]],
    ['a command of a command', 'mms cluster stat', [/^status\tsay whether it runs/]],
    ['a flag', 'mms analyze --fail', [/^--fail-on\t/]],
    ['the value of a flag', 'mms analyze -o j', [/^json$/]],
    ['the value behind =', 'mms analyze --output=j', [/^--output=json$/]],
    ['a file', `mms analyze -f ${ROOT}package-lo`, [/package-lock\.json$/]],
    ['nothing where there is nothing', 'mms analyze nosuch', []],
  ])('completes %s', async (_what, line, expected) => {
    expect(await offered(line)).toEqual(expected.map((word) => expect.stringMatching(word)));
  });
});

describe('kubectl with our programs in its PATH', () => {
  it('has the command mms', async () => {
    const { stdout } = await run('kubectl', ['mms', '--help'], { env: environment });
    expect(stdout).toContain('Multi-model serving for KServe');
    expect(stdout).toMatch(/^ {2}analyze/m);
  });

  it('completes it', async () => {
    const { stdout } = await run('kubectl', ['__complete', 'mms', 'cluster', 'st'], { env: environment });
    expect(stdout).toMatch(/^status\tsay whether it runs/m);
    expect(stdout).toMatch(/^:4$/m);
  });
});

describe('the scripts', () => {
  it.each(['bash', 'zsh', 'fish'])('for %s call mms for the words', async (name) => {
    const { code, stdout } = await runCommand(['completion', name]);
    expect(code).toBe(0);
    expect(stdout).toContain('__complete');
    expect(stdout).not.toContain('analyze');
  });

  it('are for these shells only', async () => {
    expect(await runCommand(['completion', 'cmd'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('bash, zsh, fish'),
    });
  });
});

describe('names from the cluster', () => {
  let controlPlane: ControlPlane;

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    const { kubeconfigPath } = controlPlane;
    await kubectl(kubeconfigPath, 'apply', '-k', join(ROOT, 'manifests/crds'));
    await kubectl(kubeconfigPath, 'wait', '--for=condition=established', 'crds', '--all');
    await kubectl(kubeconfigPath, 'apply', '-k', join(ROOT, 'manifests/examples'));
  });
  afterAll(() => controlPlane.stop());

  it.each([
    ['model', ['iris', 'orchid', 'tulip']],
    ['inferenceservice of these only', ['flowers']],
    ['name InferenceServices or models', ['flowers', 'iris', 'orchid', 'tulip']],
    ['file', []],
  ])('complete an argument %j', async (argument, expected) => {
    const flags = new Map([
      ['kubeconfig', controlPlane.kubeconfigPath],
      ['namespace', 'mms-example'],
    ]);
    expect(await namesFor(argument, flags)).toEqual(expected);
  });

  it('are empty, without an error, when there is no cluster', async () => {
    expect(await namesFor('model', new Map([['kubeconfig', '/nowhere']]))).toEqual([]);
  });
});
