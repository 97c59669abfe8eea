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
 * A TrainedModel that replaces the InferenceService of the same name: that InferenceService's Service also routes to
 * the model's pods, by EndpointSlices of ours beside those that Kubernetes manages for the Service's selector. KServe's
 * controller manages the Service but no EndpointSlices, so nothing of KServe's changes: docs/decisions/0023-fold.md.
 */

/** The InferenceService that the model replaces, if any. Its path is valid only for a model of the same name. */
export function replacedService({ metadata }: TrainedModel): string | undefined {
  const name = metadata.annotations?.[FOLD_ANNOTATIONS.replaces];
  return name === metadata.name && metadata.deletionTimestamp === undefined ? name : undefined;
}

/** Whether the model was ever a replacement, so that it may have slices. */
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

/** The port of an InferenceService's Service that clients call, or why the Service cannot route elsewhere too. */
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
    return { kind: 'unfit', why: `Service ${name} is an ExternalName, as with Knative` };
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

/** The limit of Kubernetes' own controller. */
const ENDPOINTS_A_SLICE = 100;

/** The slices that route an InferenceService's Service to the pods of the model that replaces it. */
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

/** A pod's entry in a slice; empty for a pod that is in none. */
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
      // It is deleted with the model, even while no manager runs.
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

/** The writes that turn the existing slices into the desired ones. */
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
