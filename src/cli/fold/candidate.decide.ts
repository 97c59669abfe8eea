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

/** A pod of a predictor that runs now. */
export interface PodFacts {
  readonly namespace: string;
  readonly inferenceService: string;
  /** What the model server requests. */
  readonly server: Amount;
  /** What all other containers request, but for an agent: the shared pods have one of their own. */
  readonly beside: Amount;
  readonly agent: Amount;
  /** What the model server takes just now; undefined: nobody knows. */
  readonly used: Amount | undefined;
}

/** All that a report is made of. */
export interface FoldFacts {
  readonly services: readonly InferenceService[];
  /** By namespace (empty: the files do not say) the names of TrainedModels, and whose they are. */
  readonly trainedModels: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Of the cluster, or as far as the files have them. */
  readonly runtimes: readonly (RuntimeOffer & { readonly namespace: string | undefined })[];
  /** Whether a runtime that is not among them is not there. */
  readonly allRuntimes: boolean;
  /** Undefined: there is no cluster to look at. */
  readonly pods: readonly PodFacts[] | undefined;
  /** What the agent of each shared pod requests. */
  readonly agent: Amount;
  /** How large the artifacts are, by storage URI, as far as that was asked for. */
  readonly artifacts: ReadonlyMap<string, Bytes>;
  /** The deployment mode of InferenceServices that say nothing of it; undefined: not known. */
  readonly defaultMode: string | undefined;
}

/** An InferenceService with what was found out of it. */
export interface Candidate {
  readonly service: InferenceService;
  readonly name: string;
  /** Empty: the files leave it to the person who applies them. */
  readonly namespace: string;
  readonly predictor: Predictor;
  /** Undefined for a predictor with its own containers, or none. */
  readonly request: ModelRequest | undefined;
  readonly protocol: string;
  readonly server: ServerFacts;
  /** The container of the model server in its runtime, as far as that is known. */
  readonly runtimeContainer: JsonObject | undefined;
  /** Why no runtime can serve it. */
  readonly withoutRuntime: string | undefined;
  /** Those that run now; undefined: there is no cluster to look at. */
  readonly pods: readonly PodFacts[] | undefined;
  readonly mode: string;
  /** How large its model is where it is stored; undefined: nobody has asked. */
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

/** Where the model is stored, if that is written as one URI. */
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
  // Files seldom hold all runtimes of the cluster.
  if (selection.kind === 'none' && !allRuntimes) return { ...nothing, server: serverAsShipped(request) };
  if (selection.kind === 'none')
    return { ...nothing, server: { runtime: undefined, kind: undefined }, withoutRuntime: selection.message };
  return {
    server: serverOfRuntime(selection.runtime),
    runtimeContainer: modelServerOf(selection.runtime),
    withoutRuntime: undefined,
  };
}
