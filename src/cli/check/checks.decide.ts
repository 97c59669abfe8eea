import type { StepResult } from '../../explanation/chain.decide.ts';

/** What a check of the installation looks at, and what mends it in general. */
interface CheckEntry {
  readonly meaning: string;
  readonly advice: string;
}

export const APPLY = 'kubectl apply -k manifests/default, or the overlay in use (docs/install.md)';

/** Every check of `mms check`. Ids are stable: programs read them. */
export const CHECKS = {
  'definitions-served': {
    meaning: 'InferenceServices and TrainedModels are served in the versions that are needed',
    advice: `install the definitions: ${APPLY}`,
  },
  'deployment-ready': {
    meaning: 'replicas of the manager are ready',
    advice: 'kubectl -n kserve-mms-system describe deployment kserve-mms-manager',
  },
  'manager-may-work': {
    meaning: "the manager's service account has the rights that it makes use of",
    advice: `give it the rights of manifests/rbac of its version: ${APPLY}`,
  },
  'lease-held': {
    meaning: 'one replica leads',
    advice: "look at the manager's pods and log",
  },
  'pod-webhook-registered': {
    meaning: 'the API server calls the webhook for pods',
    advice: `install the webhook configuration: ${APPLY}`,
  },
  'model-webhook-registered': {
    meaning: 'the API server calls the webhook for TrainedModels; this is optional',
    advice: `install the webhook configuration: ${APPLY}`,
  },
  'webhook-trusted': {
    meaning: 'what the caBundle trusts is valid for a while yet',
    advice: 'the manager renews it: look at its log; with --certificate=external, at who does it instead',
  },
  'webhook-reached': {
    meaning: 'the webhook answers at the address that the API server calls',
    advice: "look at the manager's pods: none of them is ready",
  },
  'pod-webhook-answers': {
    meaning: 'a pod of an InferenceService comes by the webhook, as a trial without effect shows',
    advice:
      "look at the manager's log, and at the webhook configuration inferenceservices.kserve-mms: whom its caBundle trusts, and which " +
      'namespaces it leaves out',
  },
  'model-webhook-answers': {
    meaning: 'a TrainedModel that cannot work is refused, as a trial without effect shows',
    advice: "look at the manager's log and metrics for calls of the webhook",
  },
  'system-config-readable': {
    meaning: "KServe's inferenceservice-config is understood, and names the agent's image",
    advice: 'correct ConfigMap inferenceservice-config in namespace kserve',
  },
  'kubernetes-supported': {
    meaning: 'the API server has all that the installation makes use of',
    advice:
      'install into a cluster of Kubernetes 1.30 or later: an earlier one does not know matchConditions',
  },
  'may-install': {
    meaning: 'you have the rights to install',
    advice: 'ask for the rights that are named, or have a cluster administrator install it',
  },
  'kserve-found': {
    meaning: 'whether KServe is there, and so which overlay fits',
    advice: 'see docs/beside-kserve.md',
  },
  'image-on-nodes': {
    meaning: "whether the nodes have the manager's image, as the manifests name it, or have to pull it",
    advice: 'see docs/image.md',
  },
  'cert-manager-found': {
    meaning: 'whether cert-manager could make the certificate',
    advice: 'see docs/install.md',
  },
} as const satisfies Readonly<Record<string, CheckEntry>>;

export type CheckId = keyof typeof CHECKS;

export interface Check {
  readonly id: CheckId;
  readonly outcome: 'ok' | 'warning' | 'failed' | 'unknown';
  readonly message: string;
  /** Present where there is something to do. */
  readonly advice?: string;
}

type Found = Pick<Check, 'outcome' | 'message'>;

/** A check with its advice where something is wrong; where nothing is known, the message says why, and nothing is to be mended. */
export function check(id: CheckId, { outcome, message }: Found): Check {
  const isWrong = outcome === 'failed' || outcome === 'warning';
  return { id, outcome, message, ...(isWrong && { advice: CHECKS[id].advice }) };
}

/** The same from a link of an explanation. */
export function checkOf(id: CheckId, { outcome, message, advice }: StepResult): Check {
  const found = check(id, { outcome: outcome === 'broken' ? 'failed' : outcome, message });
  return advice === undefined ? found : { ...found, advice };
}
