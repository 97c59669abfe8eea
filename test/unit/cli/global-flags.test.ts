import { describe, expect, it } from '@jest/globals';
import { globalFlagsBehind } from '../../../src/cli/global-flags.ts';
import { runCommand } from '../../support/command-run.ts';

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
    ['--help', '--help'],
    ['-n ns --help', '-n ns --help'],
    ['-n', '-n'],
    ['-n ns', '-n ns'],
    ['', ''],
  ])('"%s" is "%s"', (typed, meant) => {
    const words = (line: string) => line.split(' ').filter((word) => word !== '');
    expect(globalFlagsBehind(words(typed))).toEqual(words(meant));
  });

  it('reach the command, and are refused by one without a cluster', async () => {
    const missing = await runCommand(['--kubeconfig', '/nowhere/config', 'status']);
    expect(missing.stderr).toMatch(/cannot use the kubeconfig \/nowhere\/config/);
    const refused = await runCommand(['-n', 'ns', 'analyze', '-f', 'x']);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("unknown option '-n'") });
  });

  it('are completed behind', async () => {
    const { stdout } = await runCommand(['__complete', '-n', 'ns', 'status', '--no-h']);
    expect(stdout).toContain('--no-headers');
    expect((await runCommand(['__complete', '-n', 'ns', 'stat'])).stdout).toMatch(/^status\t/m);
  });
});
