/** The parts of an applied object that a GitOps tool evaluates. */
export interface SeenObject {
  readonly metadata: { readonly generation?: number; readonly deletionTimestamp?: string };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly modelStatus?: { readonly transitionStatus?: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export type ArgoHealth = 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended';

/**
 * Argo CD's health of an InferenceService, modelled on the behaviour and the test data of
 * `resource_customizations/serving.kserve.io/InferenceService/health.lua` in github.com/argoproj/argo-cd. The model's
 * transition counts beside the conditions; a False condition alone is not Degraded; Stopped counts only if True.
 */
export function argoHealth({ metadata, status }: SeenObject): ArgoHealth {
  if (metadata.deletionTimestamp !== undefined || status === undefined) return 'Progressing';
  const { conditions = [], modelStatus } = status;
  const transition = modelStatus?.transitionStatus ?? 'UpToDate';
  const isStopped = conditions.some(({ type, status: is }) => type === 'Stopped' && is === 'True');
  if (isStopped) return 'Suspended';
  if (transition !== 'UpToDate' && transition !== 'InProgress') return 'Degraded';
  const counted = conditions.filter(({ type }) => type !== 'Stopped');
  const holds = counted.length > 0 && counted.every(({ status: is }) => is === 'True');
  return transition === 'UpToDate' && holds ? 'Healthy' : 'Progressing';
}

export type KStatus = 'Current' | 'InProgress' | 'Failed' | 'Terminating';

/**
 * kstatus, by which Flux waits: modelled on the behaviour of `pkg/kstatus/status` in
 * github.com/kubernetes-sigs/cli-utils (`checkGenericProperties`, `checkGeneration`, `checkReadyCondition`).
 */
export function kstatus({ metadata, status }: SeenObject): KStatus {
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const { observedGeneration, conditions = [] } = status ?? {};
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress';
  const holds = (type: string): boolean =>
    conditions.some((one) => one.type === type && one.status === 'True');
  if (holds('Reconciling')) return 'InProgress';
  if (holds('Stalled')) return 'Failed';
  const ready = conditions.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True' ? 'Current' : 'InProgress';
}
