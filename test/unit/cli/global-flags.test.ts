import { describe, expect, it } from '@jest/globals';
import { globalFlagsBehind } from '../../../src/cli/global-flags.ts';
import { runCommand } from '../../support/command-run.ts';

const COMMANDS: ReadonlySet<string> = new Set(['status', 'explain', 'load', 'infer', 'help']);

describe('flags before the command', () => {
  it.each([
    ['-n ns status', 'status -n ns'],
    ['--namespace ns status -m', 'status --namespace ns -m'],
    ['--namespace=ns -A status', 'status --namespace=ns -A'],
    [
      '-nns --kubeconfig f --context c explain tm/a -n other',
      'explain -nns --kubeconfig f --context c tm/a -n other',
    ],
    ['status -n ns', 'status -n ns'],
    ['-n=ns status', 'status -nns'],
    ['status -n=ns -o=json', 'status -nns -ojson'],
    ['-o json status', 'status -o json'],
    ['-ojson -A status', 'status -ojson -A'],
    ['--no-headers status', 'status --no-headers'],
    ['-m -w status', 'status -m -w'],
    ['--timeout 5s load x', 'load --timeout 5s x'],
    ['-n status status', 'status -n status'],
    ['--context load -n infer explain load', 'explain --context load -n infer load'],
    ['-n ns stats', 'stats -n ns'],
    ['--help status', 'status --help'],
    ['-n ns help status', 'help -n ns status'],
    ['--version', '--version'],
    ['--help', '--help'],
    ['-n ns --help', '--help'],
    ['-n', '-n'],
    ['-n ns', '-n ns'],
    ['-- status', '-- status'],
    ['', ''],
  ])('"%s" is read as "%s"', (typed, meant) => {
    const words = (line: string) => line.split(' ').filter((word) => word !== '');
    expect(globalFlagsBehind(words(typed), (word) => COMMANDS.has(word))).toEqual(words(meant));
  });

  it('are passed to the command, and rejected by one without a cluster', async () => {
    const missing = await runCommand(['--kubeconfig', '/nowhere/config', 'status']);
    expect(missing.stderr).toMatch(/cannot use the kubeconfig \/nowhere\/config/);
    const refused = await runCommand(['-n', 'ns', 'analyze', '-f', 'x']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("unknown option '-n'") });
  });

  it.each([['-n'], ['-n', 'ns'], ['-A'], ['-o', 'json'], ['--kubeconfig', 'status']])(
    'are not a command: %s %s',
    async (...words) => {
      expect(await runCommand(words)).toMatchObject({
        code: 2,
        stderr: `error: there is no command behind ${words.join(' ')}\n(run mms --help for what there is)\n`,
      });
    },
  );

  it.each([['-n', 'ns', '--help'], ['-h'], ['-A', '-h']])('print help: %s %s %s', async (...words) => {
    expect(await runCommand(words)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: mms /) });
  });

  it('are ignored by completion', async () => {
    const { stdout } = await runCommand(['__complete', '-n', 'ns', 'status', '--no-h']);
    expect(stdout).toContain('--no-headers');
    expect((await runCommand(['__complete', '-n', 'ns', 'stat'])).stdout).toMatch(/^status\t/m);
  });
});
