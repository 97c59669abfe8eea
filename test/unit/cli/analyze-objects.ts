/** A valid TrainedModel, except for the changes of a case. */
export function model(name: string, changes: Readonly<Record<string, string>> = {}, more = ''): string {
  const {
    uri = `s3://models/${name}`,
    framework = 'sklearn',
    memory = '256Mi',
    service = 'flowers',
  } = changes;
  return `apiVersion: serving.kserve.io/v1alpha1
kind: TrainedModel
metadata:
  name: ${name}
${changes['namespace'] === undefined ? '' : `  namespace: ${changes['namespace']}\n`}spec:
  inferenceService: ${service}
  model:
    storageUri: ${uri}
    framework: ${framework}
    memory: ${memory}
${more}`;
}

/** A multi-model InferenceService, or one with another predictor. */
export function service(
  name = 'flowers',
  predictor = 'model: { modelFormat: { name: sklearn }, resources: { limits: { memory: 2Gi } } }',
) {
  return `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: ${name}
spec:
  predictor:
    ${predictor}
`;
}

/** The same object with residency annotations. */
export function onDemand(object: string, annotations: readonly string[] = ['residency: on-demand']): string {
  const lines = annotations.map((line) => `    kserve-mms/${line}\n`).join('');
  return object.replace('\nspec:', `\n  annotations:\n${lines}spec:`);
}

/** An InferenceService with these fields in its predictor. */
export function withPayload(name: string, fields: readonly string[], protocol = 'v1'): string {
  const model = `{ modelFormat: { name: sklearn }, protocolVersion: ${protocol}, resources: { limits: { memory: 2Gi } } }`;
  return service(name, [...fields, `model: ${model}`].join('\n    '));
}

export const POD = `apiVersion: v1
kind: Pod
metadata:
  name: p
  labels: { serving.kserve.io/inferenceservice: flowers, component: predictor }
spec:
  containers:
    - name: kserve-container
      image: server
    - name: agent
      image: another
`;
