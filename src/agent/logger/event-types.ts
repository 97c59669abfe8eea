/** Types of KServe's events. Source: KServe v0.17, pkg/logger/worker.go. */
export const EVENT_TYPES = {
  request: 'org.kubeflow.serving.inference.request',
  response: 'org.kubeflow.serving.inference.response',
} as const;
