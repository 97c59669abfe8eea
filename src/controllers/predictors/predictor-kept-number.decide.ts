import type { InferenceService } from '../../contract/inference-service.ts';
import type { ObjectMeta } from '../../contract/kubernetes.ts';
import {
  AUTOSCALED_REPLICAS_ANNOTATION,
  AUTOSCALER_CLASS_ANNOTATION,
  KEPT_REPLICAS_ANNOTATION,
} from '../../contract/names.ts';
import type { Deployment } from '../../contract/predictor-outcome.ts';
import type { PredictorPlan } from './predictor-workload.decide.ts';

type WorkloadPlan = Extract<PredictorPlan, { kind: 'workload' }>;

/** The number of pods that an autoscaler left, and the minReplicas for which it holds. */
interface KeptNumber {
  readonly replicas: number;
  readonly minReplicas: number;
}

/**
 * The plan with the number of pods that an autoscaler has set, for an InferenceService that was just released by its
 * autoscaler: dropping to minReplicas would remove pods that are needed now. The number is stored on the Deployment and
 * holds until minReplicas changes. A number below minReplicas is not kept.
 * @param live the InferenceService's own Deployment as it is
 */
export function withKeptNumber(
  plan: WorkloadPlan,
  { spec }: InferenceService,
  live: Deployment | undefined,
): WorkloadPlan {
  if (plan.scale.kind === 'external' || live === undefined) return plan;
  const minReplicas = spec?.predictor?.['minReplicas'] ?? 1;
  if (typeof minReplicas !== 'number') return plan;
  const kept = isAutoscaled(live.metadata)
    ? { minReplicas, replicas: numberOf(live) }
    : readNumber(live.metadata.annotations?.[AUTOSCALED_REPLICAS_ANNOTATION]);
  if (kept?.minReplicas !== minReplicas || kept.replicas <= minReplicas) return plan;
  const { metadata } = plan.deployment;
  const annotations = { ...metadata.annotations, [AUTOSCALED_REPLICAS_ANNOTATION]: textOf(kept) };
  const deployment = { ...plan.deployment, metadata: { ...metadata, annotations } };
  // A stop removes the pods; the number counts again after it.
  if (plan.scale.kind === 'stopped') return { ...plan, deployment };
  const { replicas } = kept;
  return {
    ...plan,
    deployment: { ...deployment, spec: { ...deployment.spec, replicas } },
    scale: { kind: 'fixed', replicas },
  };
}

/** The Deployment has the annotations that the InferenceService had at the last apply. */
function isAutoscaled({ annotations = {} }: ObjectMeta): boolean {
  return annotations[AUTOSCALER_CLASS_ANNOTATION] === 'external';
}

/** The number that an autoscaler has set; while stopped, the number before the stop. */
function numberOf({ metadata, spec }: Deployment): number {
  const replicas = spec?.replicas ?? 1;
  const before = Number(metadata.annotations?.[KEPT_REPLICAS_ANNOTATION] ?? 0);
  return replicas === 0 && Number.isInteger(before) ? before : replicas;
}

function textOf({ replicas, minReplicas }: KeptNumber): string {
  return `${replicas} while minReplicas is ${minReplicas}`;
}

function readNumber(text = ''): KeptNumber | undefined {
  const [, replicas, minReplicas] = /^(\d{1,9}) while minReplicas is (\d{1,9})$/.exec(text) ?? [];
  return replicas === undefined
    ? undefined
    : { replicas: Number(replicas), minReplicas: Number(minReplicas) };
}
