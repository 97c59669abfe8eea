import type { EpochMs } from '../lib/clock.ts';
import type { InferenceService } from '../contract/inference-service.ts';
import type { Lookup } from '../lib/lookup.ts';
import type { ConfigMap, KubernetesObject } from '../contract/kubernetes.ts';
import type { PlanInput } from '../contract/model-config-plan.ts';
import type { Deployment } from '../contract/predictor-outcome.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import type { WebhookConfiguration } from '../contract/webhook-configuration.ts';

/** A pod as raw JSON; its parts are read with care. */
export interface RawPod extends KubernetesObject {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export interface LeaseFacts {
  readonly holder: string;
  /** RFC 3339; when it was renewed last. */
  readonly renewTime: string | undefined;
  readonly durationSeconds: number;
}

/** What is known of the manager and its webhook. */
export interface InstallationFacts {
  readonly namespace: string;
  readonly lease: Lookup<LeaseFacts | undefined>;
  /** That for pods. */
  readonly webhook: Lookup<WebhookConfiguration | undefined>;
  /** When the last authority in the caBundle ends; undefined when it has none that can be read. */
  readonly trustedUntil: EpochMs | undefined;
  /** Whether somebody is there where the API server calls the webhook. */
  readonly reached: Lookup<boolean>;
  /** Whose decision stands when memory is short; depends on who holds KServe's Lease. */
  readonly first: PlanInput['first'];
}

/** What is known around one InferenceService. */
export interface PredictorFacts {
  readonly inferenceService: Lookup<InferenceService | undefined>;
  /** Those that name it. */
  readonly trainedModels: Lookup<readonly TrainedModel[]>;
  readonly configMap: Lookup<ConfigMap | undefined>;
  /** Those with its label, of all components. */
  readonly pods: Lookup<readonly RawPod[]>;
  readonly deployment: Lookup<Deployment | undefined>;
  /** That of the predictor, and where it leads. */
  readonly service: Lookup<KubernetesObject | undefined>;
  /** The one that wakes models where that of the predictor does not. */
  readonly wakingService: Lookup<KubernetesObject | undefined>;
  /** Undefined where there is no EndpointSlice. */
  readonly readyEndpoints: Lookup<number | undefined>;
  /** Labels of the namespace. */
  readonly namespaceLabels: Lookup<Readonly<Record<string, string>>>;
}

export interface ModelFacts extends PredictorFacts {
  readonly namespace: string;
  readonly name: string;
  readonly model: TrainedModel | undefined;
  /** Whether the API server knows the kind at all. */
  readonly defined: boolean;
  /** Names of others that are like its own. */
  readonly near: readonly string[];
  /** Names of InferenceServices that are like the one it names, where that one is missing. */
  readonly nearServices: readonly string[];
  readonly installation: InstallationFacts;
  readonly now: EpochMs;
}

export interface PodFacts {
  readonly namespace: string;
  readonly name: string;
  readonly pod: RawPod | undefined;
  readonly near: readonly string[];
  readonly inferenceService: Lookup<InferenceService | undefined>;
  /** Labels of the pod's namespace. */
  readonly namespaceLabels: Lookup<Readonly<Record<string, string>>>;
  readonly installation: InstallationFacts;
  readonly now: EpochMs;
}

export interface ServiceFacts extends PredictorFacts {
  readonly namespace: string;
  readonly name: string;
  /** Whether the API server knows the kind at all. */
  readonly defined: boolean;
  readonly near: readonly string[];
  readonly installation: InstallationFacts;
  readonly now: EpochMs;
}
