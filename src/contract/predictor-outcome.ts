import type { KubernetesObject } from './kubernetes.ts';
import type { RuntimeOffer } from './serving-runtime.ts';
import type { PredictorFault } from './serving-runtime-selection.ts';

/** apps/v1, of its spec the number of pods alone: what became of it is all that is read besides. */
export interface Deployment extends KubernetesObject {
  readonly spec?: { readonly replicas?: number };
  /** Counts that are 0 are absent. */
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly conditions?: readonly DeploymentCondition[];
  };
}

export interface DeploymentCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/**
 * Conditions of KServe's InferenceService (`inference_service_status.go`), and kstatus' two, which Flux reads. `Ready` stands
 * for PredictorReady and IngressReady. Those of severity Info count for nothing in Knative's roll-up.
 */
export type ConditionType =
  'PredictorReady' | 'IngressReady' | 'Ready' | 'Stopped' | 'Reconciling' | 'Stalled';

export interface Condition {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly severity?: 'Info';
}

/** How many pods there should be, and who says so. */
export type Scale =
  | { readonly kind: 'fixed'; readonly replicas: number }
  | { readonly kind: 'stopped' }
  /** Somebody else sets `spec.replicas` of the Deployment. */
  | { readonly kind: 'external' };

/** What a reconcile came to. */
export type PredictorOutcome =
  | {
      readonly kind: 'deployed';
      readonly deployment: Deployment;
      readonly service: KubernetesObject;
      readonly scale: Scale;
      readonly runtime: Pick<RuntimeOffer, 'kind' | 'name'> | undefined;
    }
  | BlockedOutcome
  /** One of its objects is being deleted, and is made again once it is gone. */
  | { readonly kind: 'going'; readonly message: string }
  /** It was multi-model once. Its Deployment is left as it is. */
  | { readonly kind: 'abandoned'; readonly message: string };

export interface BlockedOutcome {
  readonly kind: 'blocked';
  readonly reason: BlockedReason;
  readonly message: string;
  /** From before, and still at work; undefined where there is none of ours. */
  readonly deployment: Deployment | undefined;
  readonly service: KubernetesObject | undefined;
  /** Whether the InferenceService asks for no pods. */
  readonly stopped: boolean;
}

/** Why nothing could be made of a predictor: its own fault, its namespace's, somebody else's object in the way, a refusal. */
export type BlockedReason =
  | PredictorFault
  | 'NamespaceNotSelected'
  | 'DeploymentNotOurs'
  | 'ServiceNotOurs'
  | 'DeploymentRefused'
  | 'ServiceRefused';
