import { MANAGER_SETTINGS } from '../src/cli/manager-settings.ts';
import { flagOf, type Setting } from '../src/cli/settings.ts';
import { code, markdownTable, page } from './markdown.ts';

/** Every setting of the manager. */
export function settingsPage(): string {
  const settings: readonly (readonly [string, Setting<unknown>])[] = Object.entries(MANAGER_SETTINGS);
  const rows = settings.map(([name, { argument, env, otherwise, otherwiseShown, meaning, must }]) => [
    code(argument === undefined ? flagOf(name) : `${flagOf(name)} ${argument}`),
    code(env),
    otherwiseShown ?? code(String(otherwise)),
    meaning,
    `must ${must}`,
  ]);
  const cluster = [
    code('--kubeconfig <file>'),
    code('KUBECONFIG'),
    `${code('~/.kube/config')}, or the cluster it runs in`,
    'which cluster',
    'must name a file',
  ];
  return page(
    'Settings of the manager',
    'By flag or by environment variable; the flag goes first. A switch is turned off by its `--no-` form. Some are explained in [operations](../operations.md#settings).',
    markdownTable(['flag', 'variable', 'default', 'meaning', 'value'], [cluster, ...rows]),
  );
}
