import { compareText } from '../../lib/compare-text.ts';
import { isRecord } from '../../lib/json.ts';
import type { JsonObject } from '../../lib/json.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { implementationOf } from '../../contract/inference-service.ts';
import type { InferenceService, Predictor } from '../../contract/inference-service.ts';
import { modelRequestOf } from '../../contract/model-request.ts';
import type { ModelRequest } from '../../contract/model-request.ts';
import { protocolOf } from '../../contract/model-url.ts';
import { deploymentModeOf } from '../../contract/deployment-mode.ts';
import type { RuntimeOffer } from '../../contract/serving-runtime.ts';
import { modelServerOf } from '../../contract/serving-runtime.ts';
import { selectRuntime } from '../../contract/serving-runtime-selection.ts';
import type { Amount } from './amounts.decide.ts';
import { serverAsShipped, serverOfRuntime } from './servers.decide.ts';
import type { ServerFacts } from './servers.decide.ts';

/** A running predictor pod. */
export interface PodFacts {
  readonly namespace: string;
  readonly inferenceService: string;
  /** The requests of the model server. */
  readonly server: Amount;
  /** The requests of all other containers except an agent: the shared pods have their own agent. */
  readonly beside: Amount;
  readonly agent: Amount;
  /** The model server's current use; undefined when unknown. */
  readonly used: Amount | undefined;
}

/** The input of a report. */
export interface FoldFacts {
  readonly services: readonly InferenceService[];
  /** By namespace (empty when the files do not have it): the names of TrainedModels, and their InferenceServices. */
  readonly trainedModels: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** From the cluster, or as far as the files have them. */
  readonly runtimes: readonly (RuntimeOffer & { readonly namespace: string | undefined })[];
  /** Whether this is every runtime of the cluster. */
  readonly allRuntimes: boolean;
  /** Undefined without a cluster. */
  readonly pods: readonly PodFacts[] | undefined;
  /** The requests of the agent in each shared pod. */
  readonly agent: Amount;
  /** The sizes of artifacts by storage URI, as far as they were read. */
  readonly artifacts: ReadonlyMap<string, Bytes>;
  /** The deployment mode of InferenceServices that set none; undefined when unknown. */
  readonly defaultMode: string | undefined;
}

/** An InferenceService with everything known about it. */
export interface Candidate {
  readonly service: InferenceService;
  readonly name: string;
  /** Empty when the files leave it to the user who applies them. */
  readonly namespace: string;
  readonly predictor: Predictor;
  /** Undefined for a predictor with its own containers, or none. */
  readonly request: ModelRequest | undefined;
  readonly protocol: string;
  readonly server: ServerFacts;
  /** The model server's container in its runtime, if known. */
  readonly runtimeContainer: JsonObject | undefined;
  /** Why no runtime can serve it. */
  readonly withoutRuntime: string | undefined;
  /** The running pods; undefined without a cluster. */
  readonly pods: readonly PodFacts[] | undefined;
  readonly mode: string;
  /** The size of its stored model; undefined when it was not read. */
  readonly artifact: Bytes | undefined;
}

/** All InferenceServices, by namespace and name. */
export function candidatesOf(facts: FoldFacts): Candidate[] {
  const podsOf = facts.pods && Map.groupBy(facts.pods, (pod) => keyOf(pod.namespace, pod.inferenceService));
  return facts.services
    .map((service): Candidate => {
      const { name, namespace = '' } = service.metadata;
      const predictor: Predictor = isRecord(service.spec?.predictor) ? service.spec.predictor : {};
      const request = modelRequestOf(predictor);
      const mode = deploymentModeOf(service, facts.defaultMode);
      return {
        ...{ service, name, namespace, predictor, request, mode },
        protocol: request?.protocol ?? protocolOf(predictor),
        ...runtimeOf(request, namespace, facts),
        pods: podsOf && (podsOf.get(keyOf(namespace, name)) ?? []),
        artifact: facts.artifacts.get(storageUriOf(predictor) ?? ''),
      };
    })
    .sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name));
}

/** The storage URI of the model, if there is exactly one. */
export function storageUriOf(predictor: Predictor): string | undefined {
  const { storageUri } = { ...implementationOf(predictor)?.implementation };
  return typeof storageUri === 'string' && storageUri !== '' ? storageUri : undefined;
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function runtimeOf(
  request: ModelRequest | undefined,
  namespace: string,
  { runtimes, allRuntimes }: FoldFacts,
): Pick<Candidate, 'server' | 'runtimeContainer' | 'withoutRuntime'> {
  const nothing = { runtimeContainer: undefined, withoutRuntime: undefined };
  if (request === undefined) return { ...nothing, server: { runtime: undefined, kind: undefined } };
  const around = runtimes.filter((one) => one.namespace === undefined || one.namespace === namespace);
  const selection = selectRuntime(request, {
    namespaced: around.filter(({ kind }) => kind === 'ServingRuntime'),
    cluster: around.filter(({ kind }) => kind === 'ClusterServingRuntime'),
  });
  // Files rarely contain all runtimes of the cluster.
  if (selection.kind === 'none' && !allRuntimes) return { ...nothing, server: serverAsShipped(request) };
  if (selection.kind === 'none')
    return { ...nothing, server: { runtime: undefined, kind: undefined }, withoutRuntime: selection.message };
  return {
    server: serverOfRuntime(selection.runtime),
    runtimeContainer: modelServerOf(selection.runtime),
    withoutRuntime: undefined,
  };
}
