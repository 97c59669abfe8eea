/** What a link checks, and the general advice; the docs and `mms explain` are generated from the same table. */
interface LinkEntry {
  readonly meaning: string;
  readonly advice: string;
}

/** Every link that an explanation may contain. Ids are stable: programs read them. */
export const LINKS = {
  'model-exists': {
    meaning: 'the TrainedModel is there',
    advice: 'create it, or look in the namespace it is in with -n',
  },
  'model-valid': {
    meaning: 'its name and spec can be served',
    advice: 'correct the TrainedModel; a name cannot be changed, so delete it and create another',
  },
  'model-kept': {
    meaning: 'it has not been deleted',
    advice: 'wait until it is gone; finalizers that are not removed keep it: see docs/beside-kserve.md',
  },
  'inference-service-found': {
    meaning: 'the InferenceService is there, in the same namespace',
    advice:
      'create the InferenceService, or correct the name (spec.inferenceService of a TrainedModel, the label of a pod)',
  },
  'inference-service-kept': {
    meaning: 'the InferenceService has not been deleted',
    advice: 'wait until it is gone and create it again',
  },
  'multi-model': {
    meaning: 'the InferenceService serves many models',
    advice:
      'give its predictor no storage of its own; for a custom one, set MULTI_MODEL_SERVER=true in its first container',
  },
  'memory-fits': {
    meaning: 'the memory of the model fits beside the other models',
    advice:
      "raise the memory limit of the predictor, lower the model's spec.model.memory, or delete other models",
  },
  'fits-in-config-map': {
    meaning: 'models.json has room for the model',
    advice: 'spread the models over several InferenceServices',
  },
  'manager-leads': {
    meaning: 'a manager runs and holds the Lease',
    advice: "look at the manager: kubectl -n kserve-mms-system get pods, and its log; then run 'mms check'",
  },
  'config-map-ours': {
    meaning: "the manager may write the InferenceService's ConfigMap",
    advice: 'delete or rename the ConfigMap that is in the way',
  },
  'service-ours': {
    meaning: "the Service of the predictor is the InferenceService's own",
    advice: 'delete or rename the Service that is in the way',
  },
  'residency-understood': {
    meaning: 'the residency annotations are valid',
    advice: 'set kserve-mms/residency to "always" or "on-demand", and budgets to quantities such as 2Gi',
  },
  'service-wakes': {
    meaning: 'requests to the Service of the predictor pass through the agent, which wakes models',
    advice: 'send requests to a Service that targets port 9081 of the pods: see docs/on-demand.md',
  },
  'payload-understood': {
    meaning: 'the logger and the batcher of the predictor have valid settings',
    advice: 'correct the field in the message; see docs/logger.md',
  },
  'payload-in-pods': {
    meaning: 'the agents of its pods were started with the logger and the batcher',
    advice:
      'restart pods that are older than the logger or batcher; a logger without url needs a defaultUrl in inferenceservice-config',
  },
  'service-leads': {
    meaning: 'the Service of the predictor routes to a ready pod',
    advice:
      "compare its selector with the labels of the pods; look in the manager's log for what it could not correct",
  },
  'in-models-json': {
    meaning: 'the ConfigMap names the model as it is now',
    advice: "look in the manager's log for the name of the InferenceService; run 'mms check'",
  },
  'webhook-registered': {
    meaning: 'the API server calls the webhook for new pods',
    advice:
      'install it with kubectl apply -k manifests/default (or the overlay in use); the manager fills in caBundle',
  },
  'webhook-trusted': {
    meaning: "the API server trusts the webhook's certificate",
    advice:
      "look in the manager's log; if another program (cert-manager) writes the caBundle, look in its log",
  },
  'webhook-answers': {
    meaning: 'the webhook is reached',
    advice: 'look at the pods of the manager: none of them is ready',
  },
  'pods-exist': {
    meaning: 'the predictor has pods',
    advice: 'look at the Deployment of the predictor and its events: kubectl describe',
  },
  'pods-injected': {
    meaning: 'the pods have the agent, with the right ConfigMap',
    advice: "delete the pod, so that it is created again; 'mms explain pod/NAME' says why it has no agent",
  },
  'pods-run': {
    meaning: 'the containers of a pod run',
    advice: 'kubectl describe the pod, and kubectl logs of the container that is named',
  },
  'pods-ready': {
    meaning: 'a pod is ready for requests',
    advice: 'kubectl logs of the container that is not ready',
  },
  'status-current': {
    meaning: 'the manager has reported on this version of the model',
    advice: 'look again in a moment; with --trained-model-status=off nothing is ever reported',
  },
  'agent-reachable': {
    meaning: "the manager receives reports of the pod's agent",
    advice:
      'check that the container agent runs, and that no NetworkPolicy blocks the manager from its status port',
  },
  'agent-has-config': {
    meaning: 'the agent has read the newest models.json',
    advice:
      'wait up to two minutes until kubelet updates the ConfigMap; --propagate with the right to patch pods is faster',
  },
  'model-downloaded': {
    meaning: 'the agent has the files of the model',
    advice: 'correct storageUri, the source or its credentials; the agent retries',
  },
  'model-loaded': {
    meaning: 'the model server has loaded it on every replica',
    advice: 'look at the log of the model server (kserve-container); the agent retries',
  },
  'inference-service-ready': {
    meaning: 'the InferenceService is ready to be called',
    advice: 'look at its conditions: kubectl describe inferenceservice',
  },
  'has-url': {
    meaning: 'the URL of the model is known',
    advice:
      'the controller of the InferenceService writes its URL; the Service of the predictor works without it',
  },
  'models-loaded': {
    meaning: 'every model of the InferenceService is loaded',
    advice: "'mms explain tm/NAME' for each that is not",
  },
  'pod-exists': { meaning: 'the pod is there', advice: 'look in the namespace it is in with -n' },
  'pod-labelled': {
    meaning: 'the pod has the label of its InferenceService',
    advice:
      'pods of an InferenceService have the label serving.kserve.io/inferenceservice: put it into the pod template',
  },
  'pod-is-predictor': {
    meaning: 'the pod is one of the predictor',
    advice: 'only pods with component=predictor get an agent; transformers and explainers need none',
  },
  'pod-not-opted-out': {
    meaning: 'the pod does not opt out of the agent',
    advice: 'remove the annotation internal.serving.kserve.io/agent: "false"',
  },
  'namespace-selected': {
    meaning: "the webhook is called for the pod's namespace",
    advice: 'remove the label of the namespace that the webhook excludes',
  },
  'pod-newer': {
    meaning: 'the pod is newer than the webhook and the InferenceService',
    advice: 'delete the pod, so that it is created again',
  },
  'pod-injectable': {
    meaning: 'nothing in the pod conflicts with the agent',
    advice: 'change the pod template as the message says',
  },
  'pod-injected': {
    meaning: 'the pod has the agent',
    advice: 'delete the pod, so that it is created again with the agent',
  },
} as const satisfies Readonly<Record<string, LinkEntry>>;

export type LinkId = keyof typeof LINKS;
