import { objectKey } from '../contract/kubernetes.ts';
import type { ObjectKey } from '../contract/kubernetes.ts';
import type { PlanInput } from '../contract/model-config-plan.ts';
import { modelConfigName } from '../contract/names.ts';
import { inferenceServiceOf } from '../contract/trained-model.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import type {
  InstallationFacts,
  ModelFacts,
  PredictorFacts,
  ServiceFacts,
} from '../explanation/facts.decide.ts';
import type { EpochMs } from '../lib/clock.ts';
import type { Lookup } from '../lib/lookup.ts';
import type { ClusterView } from '../kube/cluster-view.ts';
import type { Surroundings } from './page-surroundings.ts';

/** Which controller's decision holds when memory is short, from the manager's settings. */
export type Precedence = PlanInput['first'];

/** An explanation continues without these. */
const NOT_READ = { kind: 'unreadable', why: 'the page does not read it' } as const satisfies Lookup<never>;

/** The manager that serves the page runs; the rest of the installation is for `mms check`. */
function installation(first: Precedence): InstallationFacts {
  const nothing = { lease: NOT_READ, webhook: NOT_READ, trustedUntil: undefined, reached: NOT_READ };
  return { namespace: '', first, ...nothing };
}

interface FactsOptions {
  readonly view: ClusterView;
  readonly first: Precedence;
  readonly pods: Surroundings['pods'];
  readonly now: EpochMs;
}

/** The facts for the explanation of a TrainedModel, from this manager's caches. */
export function pageModelFacts(model: TrainedModel, { view, first, pods, now }: FactsOptions): ModelFacts {
  const { name, namespace = '' } = model.metadata;
  const service = inferenceServiceOf(model);
  return {
    ...predictorFacts(view, objectKey(namespace, service ?? ''), service, pods),
    ...{
      namespace,
      name,
      model,
      defined: true,
      near: [],
      nearServices: [],
      installation: installation(first),
      now,
    },
  };
}

export function pageServiceFacts(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { view, first, pods, now }: FactsOptions,
): ServiceFacts {
  return {
    ...predictorFacts(view, objectKey(namespace, name), name, pods),
    ...{ namespace, name, defined: true, near: [], installation: installation(first), now },
  };
}

function predictorFacts(
  view: ClusterView,
  key: ObjectKey,
  service: string | undefined,
  pods: Surroundings['pods'],
): PredictorFacts {
  const configName = service === undefined ? undefined : modelConfigName(service, 0);
  const configMap = [...view.modelConfigsByKey.group(key)].find(
    ({ metadata }) => metadata.name === configName,
  );
  return {
    inferenceService: { kind: 'known', value: view.inferenceServices.cache.get(key) },
    trainedModels: { kind: 'known', value: [...view.trainedModelsByKey.group(key)] },
    configMap: { kind: 'known', value: configMap },
    ...{ pods, deployment: NOT_READ, service: NOT_READ, wakingService: NOT_READ },
    ...{ readyEndpoints: NOT_READ, namespaceLabels: NOT_READ },
  };
}
