import { recordOf, recordsIn } from '../../lib/json.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { AskApiServer } from './api-request.ts';

/** All kinds of all groups in two answers. Source: kubernetes.io/docs/concepts/overview/kubernetes-api, aggregated discovery. */
const DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const FINALIZER = 'kubernetes';

/**
 * One round of what kube-controller-manager does for namespaces that are being deleted: deletes what is in them, and takes its
 * finalizer away once nothing is left. An object with a finalizer of its own holds its namespace, as in any cluster.
 * Source: k8s.io/kubernetes, pkg/controller/namespace/deletion/namespaced_resources_deleter.go.
 */
export async function endNamespaces(ask: AskApiServer): Promise<void> {
  const { body } = await ask('GET', '/api/v1/namespaces');
  const going = itemsOf(body).filter((namespace) => recordOf(namespace['status'])['phase'] === 'Terminating');
  if (going.length === 0) return;
  const collections = await namespacedCollections(ask);
  for (const namespace of going) await endNamespace(ask, namespace, collections);
}

/** Where the objects of a kind are in a namespace. */
type Collection = (namespace: string) => string;

async function endNamespace(
  ask: AskApiServer,
  namespace: JsonObject,
  collections: readonly Collection[],
): Promise<void> {
  const name = textOf(recordOf(namespace['metadata'])['name']);
  const paths = collections.map((collection) => collection(name));
  const full = await notEmpty(ask, paths);
  // No kubelet says when a pod's containers have ended.
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 };
  await Promise.all(full.map((path) => ask('DELETE', path, { body })));
  // Something may have been created meanwhile, until the API server refuses it.
  if (full.length > 0 && (await notEmpty(ask, paths)).length > 0) return;
  const spec = recordOf(namespace['spec']);
  const finalizers = (Array.isArray(spec['finalizers']) ? (spec['finalizers'] as unknown[]) : []).filter(
    (finalizer) => finalizer !== FINALIZER,
  );
  const final = { ...namespace, apiVersion: 'v1', kind: 'Namespace', spec: { ...spec, finalizers } };
  await ask('PUT', `/api/v1/namespaces/${name}/finalize`, { body: final });
}

async function notEmpty(ask: AskApiServer, paths: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(paths.map((path) => ask('GET', `${path}?limit=1`)));
  // A kind may have gone meanwhile.
  return paths.filter((_, index) => {
    const { status, body } = answers[index] ?? { status: 0, body: undefined };
    return status !== 404 && (status !== 200 || itemsOf(body).length > 0);
  });
}

async function namespacedCollections(ask: AskApiServer): Promise<Collection[]> {
  const answers = await Promise.all(['/api', '/apis'].map((path) => ask('GET', path, { accept: DISCOVERY })));
  const groups = answers.flatMap(({ body }) => itemsOf(body));
  return groups.flatMap((group) => {
    const name = textOf(recordOf(group['metadata'])['name']);
    // The first version is the one that the server prefers; each kind is asked for once.
    const seen = new Set<string>();
    return recordsIn(group['versions']).flatMap((version) => {
      const base = `${name === '' ? '/api' : `/apis/${name}`}/${textOf(version['version'])}`;
      return recordsIn(version['resources']).flatMap(({ resource, scope, verbs }): Collection[] => {
        const plural = textOf(resource);
        const isDeletable = Array.isArray(verbs) && verbs.includes('deletecollection');
        if (scope !== 'Namespaced' || !isDeletable || seen.has(plural)) return [];
        seen.add(plural);
        return [(namespace) => `${base}/namespaces/${namespace}/${plural}`];
      });
    });
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function itemsOf(list: unknown): JsonObject[] {
  return recordsIn(recordOf(list)['items']);
}
