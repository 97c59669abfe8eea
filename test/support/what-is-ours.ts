import { kubectl } from './kubectl.ts';

/** All objects in the cluster with the label or the name of this project, as `kind.group/name`, sorted. */
export async function whatIsOurs(kubeconfig: string): Promise<readonly string[]> {
  const get = (...args: readonly string[]): Promise<string> => kubectl(kubeconfig, 'get', ...args);
  const kinds = await kubectl(kubeconfig, ...'api-resources --verbs=list,delete -o name'.split(' '));
  // Events only refer to objects.
  const listed = kinds
    .trim()
    .split('\n')
    .filter((kind) => !kind.startsWith('events'))
    .join(',');
  const labelled = await get(listed, '-A', '-l', 'app.kubernetes.io/part-of=kserve-mms', '-o', 'name');
  const named = (await get(listed, '-A', '-o', 'name'))
    .split('\n')
    .filter((name) => name.includes('kserve-mms'));
  return [...new Set([...labelled.split('\n'), ...named])].filter((name) => name !== '').sort();
}

/** The same without the kinds of the users' objects, which stay. */
export async function whatIsLeft(kubeconfig: string): Promise<readonly string[]> {
  const all = await whatIsOurs(kubeconfig);
  return all.filter((name) => !name.startsWith('customresourcedefinition.'));
}
