import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock, Milliseconds, Random } from '../lib/clock.ts';
import type { KServeMode } from '../contract/kserve-controller.ts';
import type { Logger } from '../lib/log.ts';

/** All settings of a manager. */
export interface ManagerOptions {
  readonly kubeConfig: KubeConfig;
  readonly userAgent: string;
  /** `local`: outside the cluster, on 127.0.0.1, registered by URL; installs the CustomResourceDefinitions. */
  readonly mode: 'in-cluster' | 'local';
  /** The namespace of the lease, the certificate and, in the cluster, the Service. */
  readonly namespace: string;
  /** Unique among the replicas: the pod's name. */
  readonly identity: string;
  readonly ports: {
    readonly webhook: number;
    readonly metrics: number;
    readonly health: number;
    /** The port of the web page, on loopback; undefined for none. */
    readonly page: number | undefined;
  };
  /** Whether KServe's controllers run too (`beside`), or this manager manages TrainedModels alone (`takeover`). */
  readonly kserve: KServeMode;
  /**
   * `self`: made and renewed by the manager. `external`: another program, such as cert-manager, fills the Secret and
   * writes the caBundle.
   */
  readonly certificate: 'self' | 'external';
  /** Takes precedence over the image in KServe's system configuration. */
  readonly agentImage: string | undefined;
  /** Whether Secrets of service accounts are read for storage credentials. */
  readonly injectCredentials: boolean;
  /** Whether a TrainedModel's memory may change; KServe treats it as immutable. */
  readonly allowMemoryChanges: boolean;
  /**
   * What is written to the status of TrainedModels: all of it, only ModelLoaded beside KServe's controller, or nothing.
   */
  readonly trainedModelStatus: 'whole' | 'beside' | 'off';
  /** PEM file of the authorities of the API server's client certificate; undefined: the webhook answers anyone. */
  readonly clientAuthorityFile: string | undefined;
  /** Whether pods are annotated when a ConfigMap that they mount has changed. */
  readonly propagate: boolean;
  /** Whether InferenceServices get Deployments and Services: for clusters without KServe's controllers. */
  readonly predictors: boolean;
  /** How long the webhook still serves after it has stopped being ready. */
  readonly drain: Milliseconds;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
