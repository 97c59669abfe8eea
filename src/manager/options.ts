import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock, Milliseconds, Random } from '../lib/clock.ts';
import type { KServeMode } from '../contract/kserve-controller.ts';
import type { Logger } from '../lib/log.ts';

/** Everything that a manager is told from outside. */
export interface ManagerOptions {
  readonly kubeConfig: KubeConfig;
  readonly userAgent: string;
  /** `local`: outside of the cluster, on 127.0.0.1, registered by URL; brings the CustomResourceDefinitions along. */
  readonly mode: 'in-cluster' | 'local';
  /** Of the lease, the certificate and, in the cluster, the Service. */
  readonly namespace: string;
  /** Unique among the replicas: the pod's name. */
  readonly identity: string;
  readonly ports: {
    readonly webhook: number;
    readonly metrics: number;
    readonly health: number;
    /** Of the page for people, on the loopback; undefined for none. */
    readonly page: number | undefined;
  };
  /** Whether KServe's controllers run too, or this manager does their work on TrainedModels. */
  readonly kserve: KServeMode;
  /** `self`: made and renewed here. `external`: another program, such as cert-manager, fills the Secret and writes the caBundle. */
  readonly certificate: 'self' | 'external';
  /** Stands above the image in KServe's system configuration. */
  readonly agentImage: string | undefined;
  /** Whether Secrets of service accounts are looked up for storage credentials. */
  readonly injectCredentials: boolean;
  /** Whether a TrainedModel's memory may be changed; KServe takes it for immutable. */
  readonly allowMemoryChanges: boolean;
  /** What is written to the status of TrainedModels: all of it, only ModelLoaded beside KServe's controller, or nothing. */
  readonly trainedModelStatus: 'whole' | 'beside' | 'off';
  /** PEM file of the authorities of the API server's client certificate; undefined: the webhook answers anyone. */
  readonly clientAuthorityFile: string | undefined;
  /** Whether pods are annotated when a ConfigMap that they mount has changed. */
  readonly propagate: boolean;
  /** Whether Deployments and Services are made of InferenceServices: for clusters without KServe's controllers. */
  readonly predictors: boolean;
  /** How long the webhook goes on after it has stopped being ready. */
  readonly drain: Milliseconds;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
