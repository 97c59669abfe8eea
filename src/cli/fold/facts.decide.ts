import { recordOf, recordsIn, textMapIn } from '../../lib/json.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import {
  COMPONENT_LABEL,
  CONTAINERS,
  INFERENCE_SERVICE_LABEL,
  PREDICTOR_COMPONENT,
} from '../../contract/names.ts';
import type { AgentSettings } from '../../contract/system-config.ts';
import { inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { isFinished, watchedPod } from '../../contract/watched-pod.ts';
import { milliCpu, NOTHING, readCpu, readMemory, requestsIn, sumOf } from './amounts.decide.ts';
import type { Amount } from './amounts.decide.ts';
import type { FoldFacts, PodFacts } from './candidate.decide.ts';

/** An object of the cluster; its other fields are untrusted. */
type RawObject = KubernetesObject & { readonly spec?: unknown };

/** The current use of containers, by `namespace/pod/container`. */
export type Usage = ReadonlyMap<string, Amount>;

/** The pods of predictors, except those that are ending. */
export function podFactsOf(pods: readonly RawObject[], usage: Usage): PodFacts[] {
  return pods.flatMap((pod): PodFacts[] => {
    const { labels = {}, namespace = '', name } = pod.metadata;
    const inferenceService = labels[INFERENCE_SERVICE_LABEL];
    if (inferenceService === undefined || isFinished(watchedPod(pod))) return [];
    if ((labels[COMPONENT_LABEL] ?? PREDICTOR_COMPONENT) !== PREDICTOR_COMPONENT) return [];
    const containers = [
      ...recordsIn(recordOf(pod.spec)['containers']),
      ...recordsIn(recordOf(pod.spec)['initContainers']).filter(
        ({ restartPolicy }) => restartPolicy === 'Always',
      ),
    ];
    const requestsOf = (wanted: (name: unknown) => boolean): Amount =>
      sumOf(
        containers
          .filter((container) => wanted(container['name']))
          .map(({ resources }) => ({ ...NOTHING, ...requestsIn(resources) })),
      );
    const { modelServer, agent } = CONTAINERS;
    return [
      {
        ...{ namespace, inferenceService },
        server: requestsOf((one) => one === modelServer),
        agent: requestsOf((one) => one === agent),
        beside: requestsOf((one) => one !== modelServer && one !== agent),
        used: usage.get(`${namespace}/${name}/${modelServer}`),
      },
    ];
  });
}

/** The use in PodMetrics (metrics.k8s.io/v1beta1). */
export function usageOf(metrics: readonly KubernetesObject[]): Usage {
  const usage = new Map<string, Amount>();
  for (const pod of metrics) {
    const { namespace = '', name } = pod.metadata;
    for (const container of recordsIn(recordOf(pod)['containers'])) {
      const taken = recordOf(container['usage']);
      const memory = readMemory(taken['memory']);
      if (memory === undefined) continue;
      const cpu = readCpu(taken['cpu']) ?? milliCpu(0);
      usage.set(`${namespace}/${name}/${nameOf(container)}`, { cpu, memory });
    }
  }
  return usage;
}

export function trainedModelNames(models: readonly TrainedModel[]): FoldFacts['trainedModels'] {
  const names = new Map<string, Map<string, string>>();
  for (const model of models) {
    const { namespace = '', name } = model.metadata;
    const its = names.get(namespace) ?? new Map<string, string>();
    names.set(namespace, its.set(name, inferenceServiceOf(model) ?? ''));
  }
  return names;
}

export function agentRequests({ cpuRequest, memoryRequest }: AgentSettings): Amount {
  return { ...NOTHING, ...requestsIn({ requests: { cpu: cpuRequest, memory: memoryRequest } }) };
}

/** The text maps of an object from a file may contain anything; those from a cluster cannot. */
export function withTextMaps<T extends { readonly metadata: object }>(object: T): T {
  const { labels, annotations } = recordOf(object.metadata);
  return {
    ...object,
    metadata: { ...object.metadata, labels: textMapIn(labels), annotations: textMapIn(annotations) },
  };
}

function nameOf({ name }: Readonly<Record<string, unknown>>): string {
  return typeof name === 'string' ? name : '';
}
