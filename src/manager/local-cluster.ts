import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { seconds } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { MmsError } from '../lib/errors.ts';
import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import { PART_OF } from '../contract/names.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { getIfThere } from '../kube/get-if-there.ts';
import { CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, TRAINED_MODELS } from '../kube/resources.ts';
import type { CustomObject } from '../kube/resources.ts';
import { createUnlessThere } from '../kube/unless-there.ts';
import { packageFile } from '../lib/package-files.ts';

/** The manifests of this package. */
const MANIFESTS = fileURLToPath(packageFile('manifests'));

/** A CustomResourceDefinition was accepted but is not served. */
class DefinitionNotEstablishedError extends MmsError {
  readonly code = 'CRD_NOT_ESTABLISHED';
  readonly retryable = true;
}

const ESTABLISHED_WITHIN = seconds(30);
const POLL = seconds(0.1);

/**
 * Installs what a manager outside the cluster needs of `kubectl apply -k`: missing CustomResourceDefinitions, and the
 * namespace for lease and certificate. Existing objects are left as they are.
 */
export async function prepareLocalCluster(
  client: ApiClient,
  namespace: string,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const files = (await readdir(`${MANIFESTS}/crds`)).filter((file) => file !== 'kustomization.yaml');
  const labels = { 'app.kubernetes.io/part-of': PART_OF, 'control-plane': PART_OF };
  await Promise.all([
    createUnlessThere(client, NAMESPACES, { metadata: { name: namespace, labels } }),
    ...files.map((file) => ensureDefinition(client, file, { clock, logger })),
  ]);
}

/** Makes sure that a definition is served. Its manifest is read only if it is missing, because that takes long. */
async function ensureDefinition(
  client: ApiClient,
  file: string,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const name = `${file.replace(/\.yaml$/, '')}.${TRAINED_MODELS.group}`;
  const there = await getIfThere(client, CUSTOM_RESOURCE_DEFINITIONS, { name });
  if (there !== undefined && isEstablished(there)) return;
  if (there === undefined) {
    for (const definition of await readManifest(`crds/${file}`))
      if (await createUnlessThere(client, CUSTOM_RESOURCE_DEFINITIONS, definition))
        logger.info({ name }, 'CustomResourceDefinition created');
  }
  await untilEstablished(client, name, clock);
}

async function untilEstablished(client: ApiClient, name: string, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + ESTABLISHED_WITHIN;
  while (clock.monotonic() < deadline) {
    if (isEstablished(await client.get(CUSTOM_RESOURCE_DEFINITIONS, { name }))) return;
    await clock.sleep(POLL);
  }
  throw new DefinitionNotEstablishedError(
    `CustomResourceDefinition ${name} is not served after ${ESTABLISHED_WITHIN / 1000} s; ` +
      `see: kubectl get crd ${name} -o yaml`,
  );
}

function isEstablished({ status }: CustomObject): boolean {
  // Null in a new definition.
  const { conditions } = (status ?? {}) as {
    conditions?: readonly { type: string; status: string }[] | null;
  };
  return conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') ?? false;
}

async function readManifest(path: string): Promise<CustomObject[]> {
  const text = await readFile(`${MANIFESTS}/${path}`, 'utf8');
  const { parseAllDocuments } = await import('yaml');
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}
