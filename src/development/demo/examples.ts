import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import { INFERENCE_SERVICE_LABEL } from '../../contract/names.ts';
import type { Pod } from '../../contract/pod.ts';
import { INFERENCE_SERVICES, NAMESPACES, TRAINED_MODELS } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';

/** manifests/examples; the same path from src/demo and from dist/demo. */
const EXAMPLES = fileURLToPath(new URL('../../../manifests/examples', import.meta.url));

/** What `kubectl apply -k manifests/examples` creates, in this order. */
export async function exampleObjects(
  namespace: string,
): Promise<{ readonly resource: Resource; readonly object: KubernetesObject }[]> {
  const files: readonly (readonly [Resource, string])[] = [
    [NAMESPACES, 'namespace.yaml'],
    [INFERENCE_SERVICES, 'inference-service.yaml'],
    [TRAINED_MODELS, 'trained-models.yaml'],
  ];
  const objects = await Promise.all(
    files.map(async ([resource, file]) =>
      (await read(file)).map((object) => ({
        resource,
        object: resource.namespaced ? { ...object, metadata: { ...object.metadata, namespace } } : object,
      })),
    ),
  );
  return objects.flat();
}

/** The example's pod, for an InferenceService and its namespace. */
export async function examplePod(service: string, namespace: string): Promise<Pod> {
  const [pod] = (await read('predictor-pod.yaml')) as unknown as [Pod];
  const labels = { ...pod.metadata.labels, [INFERENCE_SERVICE_LABEL]: service };
  return { ...pod, metadata: { ...pod.metadata, name: `${service}-predictor`, namespace, labels } };
}

async function read(file: string): Promise<KubernetesObject[]> {
  const text = await readFile(`${EXAMPLES}/${file}`, 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}
