import type { KubernetesObject } from './kubernetes.ts';
import type { RuntimeOffer } from './serving-runtime.ts';
import type { PredictorFault } from './serving-runtime-selection.ts';

/** apps/v1. Besides its status, only the number of pods in its spec is read. */
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
 * Conditions of KServe's InferenceService (`inference_service_status.go`), and kstatus' two, which Flux reads. `Ready`
 * combines PredictorReady and IngressReady. Knative's roll-up ignores conditions of severity Info.
 */
export type ConditionType =
  'PredictorReady' | 'IngressReady' | 'Ready' | 'Stopped' | 'Reconciling' | 'Stalled';

export interface Condition {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string;
  readonly severity?: 'Info';
}

/** The desired number of pods, and who sets it. */
export type Scale =
  | { readonly kind: 'fixed'; readonly replicas: number }
  | { readonly kind: 'stopped' }
  /** Something else sets `spec.replicas` of the Deployment. */
  | { readonly kind: 'external' };

/** The result of a reconcile. */
export type PredictorOutcome =
  | {
      readonly kind: 'deployed';
      readonly deployment: Deployment;
      readonly service: KubernetesObject;
      readonly scale: Scale;
      readonly runtime: Pick<RuntimeOffer, 'kind' | 'name'> | undefined;
    }
  | BlockedOutcome
  /** One of its objects is being deleted. It is created again once it is gone. */
  | { readonly kind: 'going'; readonly message: string }
  /** No longer multi-model. Its Deployment is left as it is. */
  | { readonly kind: 'abandoned'; readonly message: string };

export interface BlockedOutcome {
  readonly kind: 'blocked';
  readonly reason: BlockedReason;
  readonly message: string;
  /** A Deployment from before that still runs; undefined when we have none. */
  readonly deployment: Deployment | undefined;
  readonly service: KubernetesObject | undefined;
  /** Whether the InferenceService asks for no pods. */
  readonly stopped: boolean;
}

/**
 * Why a predictor could not be deployed: a fault of its own or of its namespace, an object of another owner in the way,
 * or a refusal.
 */
export type BlockedReason =
  | PredictorFault
  | 'NamespaceNotSelected'
  | 'DeploymentNotOurs'
  | 'ServiceNotOurs'
  | 'DeploymentRefused'
  | 'ServiceRefused';
