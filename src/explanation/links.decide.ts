/** What a link of a chain says, and what mends it in general; docs and `mms explain` are made of the same table. */
interface LinkEntry {
  readonly meaning: string;
  readonly advice: string;
}

/** Every link that an explanation can have. Ids are stable: programs read them. */
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
      'give its predictor no storage of its own; a custom one says MULTI_MODEL_SERVER=true in its first container',
  },
  'memory-fits': {
    meaning: 'the memory of the model fits beside that of the others',
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
    meaning: "the InferenceService's ConfigMap is the manager's to write",
    advice: 'delete or rename the ConfigMap that is in the way',
  },
  'service-ours': {
    meaning: "the Service of the predictor is the InferenceService's own",
    advice: 'delete or rename the Service that is in the way',
  },
  'residency-understood': {
    meaning: 'the annotations of residency have the effect that they look like',
    advice: 'write kserve-mms/residency as "always" or "on-demand", and budgets as quantities such as 2Gi',
  },
  'service-wakes': {
    meaning: 'requests to the Service of the predictor pass the agent, which wakes models',
    advice: 'send requests to a Service that leads to port 9081 of the pods: see docs/on-demand.md',
  },
  'payload-understood': {
    meaning: 'the logger and the batcher of the predictor have values with which an agent starts',
    advice: 'correct the field that is named; see docs/logger.md',
  },
  'payload-in-pods': {
    meaning: 'the agents of its pods were started with the logger and the batcher',
    advice:
      'restart pods that are older than the logger or batcher; a logger without url needs a defaultUrl in inferenceservice-config',
  },
  'service-leads': {
    meaning: 'the Service of the predictor leads to a pod that is ready',
    advice:
      "compare its selector with the labels of the pods; look at the manager's log for what it could not put right",
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
      "look at the manager's log; without write access for the manager, at who writes the caBundle (cert-manager)",
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
    meaning: 'the manager has said what became of this version of the model',
    advice: 'look again in a moment; with --trained-model-status=off nothing is ever said',
  },
  'agent-reachable': {
    meaning: "the manager hears from the pod's agent",
    advice:
      'look whether the container agent runs, and whether a NetworkPolicy keeps the manager from its status port',
  },
  'agent-has-config': {
    meaning: 'the agent has read the newest models.json',
    advice:
      'wait up to two minutes: kubelet brings ConfigMaps to pods; faster with --propagate and the right to patch pods',
  },
  'model-downloaded': {
    meaning: 'the agent has the files of the model',
    advice: 'correct storageUri, the source or its credentials; the agent tries again by itself',
  },
  'model-loaded': {
    meaning: 'the model server has loaded it on every replica',
    advice: 'look at the log of the model server (kserve-container); the agent tries again by itself',
  },
  'inference-service-ready': {
    meaning: 'the InferenceService is ready to be called',
    advice: 'look at its conditions: kubectl describe inferenceservice',
  },
  'has-url': {
    meaning: 'it is known where the model is called',
    advice:
      "who keeps the InferenceService's status writes its URL; the Service of the predictor works without it",
  },
  'models-loaded': {
    meaning: 'every model of the InferenceService is loaded',
    advice: "'mms explain tm/NAME' for each that is not",
  },
  'pod-exists': { meaning: 'the pod is there', advice: 'look in the namespace it is in with -n' },
  'pod-labelled': {
    meaning: 'the pod says whose it is',
    advice:
      'pods of an InferenceService have the label serving.kserve.io/inferenceservice: put it into the pod template',
  },
  'pod-is-predictor': {
    meaning: 'the pod is one of the predictor',
    advice: 'only pods with component=predictor get an agent; transformers and explainers need none',
  },
  'pod-not-opted-out': {
    meaning: 'the pod does not go without the agent by its own wish',
    advice: 'take away the annotation internal.serving.kserve.io/agent: "false"',
  },
  'namespace-selected': {
    meaning: "the webhook is called for the pod's namespace",
    advice: 'take away the label of the namespace that the webhook passes over',
  },
  'pod-newer': {
    meaning: 'the pod is younger than webhook and InferenceService',
    advice: 'delete the pod, so that it is created again',
  },
  'pod-injectable': {
    meaning: 'nothing in the pod is in the way of the agent',
    advice: 'change the pod template as the message says',
  },
  'pod-injected': {
    meaning: 'the pod has the agent',
    advice: 'delete the pod, so that it is created again: now it would get the agent',
  },
} as const satisfies Readonly<Record<string, LinkEntry>>;

export type LinkId = keyof typeof LINKS;
