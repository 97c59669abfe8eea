import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import { MODEL_CONFIG_LABEL } from '../../src/contract/names.ts';
import { CONFIG_MAPS, INFERENCE_SERVICES, PODS, SERVICE_ACCOUNTS } from '../../src/kube/resources.ts';
import type { Resource } from '../../src/kube/resources.ts';
import { predictorPod } from './predictor-pod.ts';

/** Allowed names of a namespace, an InferenceService and a model; `__proto__` is allowed as a key of data. */
export const EVIL = 'constructor';
export const KIB = 1024;

export const text = (length: number): string => 'x'.repeat(length);
export const list = <T>(count: number, each: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => each(index));
export const at = (name: string, more: object = {}) => ({ metadata: { name, namespace: EVIL, ...more } });
/** Own properties, as JSON.parse makes them. */
export const oddKeys = (value: string): Record<string, string> =>
  JSON.parse(
    `{${['__proto__', 'constructor', 'toString', '-', '0'].map((key) => `"${key}":${JSON.stringify(value)}`).join(',')}}`,
  ) as Record<string, string>;

/** One object of each watched kind, as large as the API server and etcd accept. */
export const LARGE_OBJECTS: readonly (readonly [Resource, (index: number) => object])[] = [
  [
    SERVICE_ACCOUNTS,
    (index) => ({
      ...at(`large-${index}`),
      secrets: list(25_000, (at) => ({ name: `secret-of-${index}-${at}` })),
    }),
  ],
  [
    CONFIG_MAPS,
    (index) => ({
      ...at(`large-${index}`, { labels: { [MODEL_CONFIG_LABEL]: 'true' } }),
      data: oddKeys(text(150 * KIB)),
    }),
  ],
  [
    INFERENCE_SERVICES,
    (index) => ({
      ...at(`large-${index}`),
      spec: {
        predictor: { sklearn: { env: list(1_000, (at) => ({ name: `V${at}`, value: text(1_100) })) } },
      },
    }),
  ],
  [
    PODS,
    (index) => {
      const pod = predictorPod(`large-${index}`, EVIL) as KubernetesObject & { spec: object };
      const env = list(500, (at) => ({ name: `V${at}`, value: text(1_000) }));
      return {
        metadata: { ...pod.metadata, namespace: EVIL, annotations: { constructor: text(100 * KIB) } },
        spec: { containers: [{ name: 'other', image: 'a:1', env }] },
      };
    },
  ],
];
