import { isDeepStrictEqual } from 'node:util';
import { recordOf, recordsIn } from '../lib/json.ts';
import { SLICE_KEEPER_LABEL, SLICE_SERVICE_LABEL } from './endpoint-slice.ts';
import type { EndpointSlice } from './endpoint-slice.ts';
import type { KubernetesObject } from './kubernetes.ts';
import {
  FOLD_ANNOTATIONS,
  INFERENCE_SERVICE_KIND,
  PART_OF,
  predictorName,
  REPLACES_LABEL,
  TRAINED_MODEL_API_VERSION,
} from './names.ts';
import type { TrainedModel } from './trained-model.ts';
import { servesModels } from './watched-pod.ts';
import type { WatchedPod } from './watched-pod.ts';

/*
 * A TrainedModel that replaces the InferenceService of its name: the Service of that one leads to the model's pods as well, by
 * EndpointSlices of ours beside those that Kubernetes keeps for the Service's selector. KServe's controller looks at its Service
 * and at no EndpointSlice, so nothing of it has to change: docs/decisions/0023-fold.md.
 */

/** The InferenceService that the model replaces; undefined: none. Its path holds for a model of that name only. */
export function replacedService({ metadata }: TrainedModel): string | undefined {
  const name = metadata.annotations?.[FOLD_ANNOTATIONS.replaces];
  return name === metadata.name && metadata.deletionTimestamp === undefined ? name : undefined;
}

/** Whether the model has ever been asked to replace one, so that there may be slices of it. */
export function isReplacement({ metadata }: TrainedModel): boolean {
  return metadata.annotations?.[FOLD_ANNOTATIONS.replaces] !== undefined;
}

interface ServicePort {
  readonly name: string;
  readonly protocol: string;
}

type LedService =
  { readonly kind: 'port'; readonly port: ServicePort } | { readonly kind: 'unfit'; readonly why: string };

/** The port of every predictor's Service (`CommonDefaultHttpPort` in KServe's constants). */
const HTTP_PORT = 80;

/** The port of an InferenceService's Service that its clients call, or why the Service cannot lead elsewhere as well. */
export function ledService(
  service: (KubernetesObject & { readonly spec?: unknown }) | undefined,
  inferenceService: string,
): LedService {
  const name = predictorName(inferenceService);
  if (service === undefined) return { kind: 'unfit', why: `there is no Service ${name}` };
  const isIts = (service.metadata.ownerReferences ?? []).some(
    ({ kind, name: owner }) => kind === INFERENCE_SERVICE_KIND && owner === inferenceService,
  );
  if (!isIts)
    return { kind: 'unfit', why: `Service ${name} is not InferenceService ${inferenceService}'s own` };
  const { type, ports: all } = recordOf(service.spec);
  if (type === 'ExternalName')
    return { kind: 'unfit', why: `Service ${name} is a name of another host, as with Knative` };
  const ports = recordsIn(all);
  const found = ports.find(({ port }) => port === HTTP_PORT) ?? ports[0];
  if (found === undefined) return { kind: 'unfit', why: `Service ${name} has no ports` };
  const { name: portName, protocol } = found;
  return {
    kind: 'port',
    port: {
      name: typeof portName === 'string' ? portName : '',
      protocol: typeof protocol === 'string' ? protocol : 'TCP',
    },
  };
}

/** Kubernetes' own controller puts as many into one. */
const ENDPOINTS_A_SLICE = 100;

/** The slices that lead the Service of an InferenceService to the pods of the model that replaces it. */
export function replacementSlices(
  model: TrainedModel,
  port: ServicePort,
  pods: Iterable<WatchedPod>,
): EndpointSlice[] {
  const reachable = [...pods].filter(isReachable);
  const alike = Map.groupBy(
    reachable.sort((a, b) => (a.podIP < b.podIP ? -1 : 1)),
    ({ podIP, agentPort }) => `${podIP.includes(':') ? 'ipv6' : 'ipv4'}-${agentPort}`,
  );
  return [...alike].flatMap(([key, group]) =>
    inChunks(group, ENDPOINTS_A_SLICE).map((chunk, index) =>
      sliceOf(model, `${predictorName(model.metadata.name)}-shared-${key}-${index}`, port, chunk),
    ),
  );
}

type Reachable = WatchedPod & { readonly podIP: string };

function isReachable(pod: WatchedPod): pod is Reachable {
  return pod.ready && pod.podIP !== undefined && servesModels(pod);
}

/** What a slice says of a pod; empty for a pod that is in none. */
export function endpointOf(pod: WatchedPod): string {
  return isReachable(pod) ? `${pod.metadata.name} ${pod.podIP} ${pod.agentPort}` : '';
}

function sliceOf(
  { metadata: { name: model, namespace = '', uid = '' } }: TrainedModel,
  name: string,
  port: ServicePort,
  pods: readonly Reachable[],
): EndpointSlice {
  const [first] = pods;
  return {
    metadata: {
      ...{ name, namespace },
      labels: {
        [SLICE_SERVICE_LABEL]: predictorName(model),
        [SLICE_KEEPER_LABEL]: PART_OF,
        [REPLACES_LABEL]: model,
      },
      // It goes with the model, also while no manager runs.
      ownerReferences: [{ apiVersion: TRAINED_MODEL_API_VERSION, kind: 'TrainedModel', name: model, uid }],
    },
    addressType: first?.podIP.includes(':') === true ? 'IPv6' : 'IPv4',
    ports: [{ ...port, ...(first !== undefined && { port: first.agentPort }) }],
    endpoints: pods.map(({ podIP, metadata }) => ({
      addresses: [podIP],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', namespace, name: metadata.name },
    })),
  };
}

function inChunks<T>(all: readonly T[], size: number): (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}

interface SliceChanges {
  readonly apply: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

/** What is to be written so that the slices that are there become those that are wanted. */
export function sliceChanges(
  there: readonly EndpointSlice[],
  wanted: readonly EndpointSlice[],
): SliceChanges {
  const byName = new Map(there.map((slice) => [slice.metadata.name, slice]));
  const names = new Set(wanted.map(({ metadata }) => metadata.name));
  return {
    apply: wanted.filter((slice) => {
      const now = byName.get(slice.metadata.name);
      return now === undefined || !isDeepStrictEqual(essence(now), essence(slice));
    }),
    delete: there.filter(({ metadata }) => !names.has(metadata.name)),
  };
}

function essence({ metadata, addressType, ports = [], endpoints = [] }: EndpointSlice): object {
  return {
    service: metadata.labels?.[SLICE_SERVICE_LABEL],
    owners: (metadata.ownerReferences ?? []).map(({ uid }) => uid),
    addressType,
    ports: ports.map(({ name = '', protocol, port }) => [name, protocol, port]),
    endpoints: endpoints.map(({ addresses, conditions, targetRef }) => [
      addresses?.[0],
      conditions?.ready !== false,
      targetRef?.name,
    ]),
  };
}
