import { kubectl } from './kubectl.ts';

/**
 * The output of `kubectl auth can-i --list` for a service account in a namespace, without the rights of every service
 * account: one line a rule, sorted, `resources [non-resource URLs] [resource names] [verbs]`.
 */
export async function grantedRights(
  kubeconfig: string,
  account: { readonly namespace: string; readonly name: string },
  namespace: string,
): Promise<readonly string[]> {
  const list = async (user: string): Promise<string[]> => {
    const args = ['auth', 'can-i', '--list', '--no-headers', '-n', namespace];
    const text = await kubectl(kubeconfig, ...args, `--as=system:serviceaccount:${user}`);
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(normalized);
  };
  const anybody = new Set(await list('default:nobody-in-particular'));
  return (await list(`${account.namespace}:${account.name}`)).filter((line) => !anybody.has(line)).sort();
}

/** The API server returns verbs and rules in the order of the bindings. */
function normalized(line: string): string {
  const [, resource = '', urls = '', names = '', verbs = ''] =
    /^(\S*)\s*\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]\s*$/.exec(line) ?? [];
  if (verbs === '') throw new Error(`not a line of kubectl auth can-i --list: ${line}`);
  const sorted = [urls, names, verbs].map((list) => `[${list.split(' ').sort().join(' ')}]`);
  return [resource, ...sorted].join(' ').trim();
}
