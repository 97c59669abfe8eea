import type { InferenceService } from '../contract/inference-service.ts';
import { isRecord, recordsIn } from '../lib/json.ts';
import { valueOf } from '../lib/lookup.ts';
import { predictorName } from '../contract/names.ts';
import { watchedPod } from '../contract/watched-pod.ts';
import { isControlledBy } from '../contract/kubernetes.ts';
import { adviceOn, readinessOf, serviceTrouble, troubleText } from './service-standing.decide.ts';
import { broken, ok, unknown } from './chain.decide.ts';
import type { StepResult } from './chain.decide.ts';
import type { PredictorFacts } from './facts.decide.ts';
import { servingPods } from './pod-state.decide.ts';

/** Whether the Service in the InferenceService's URL was made for it, if a controller makes its objects. */
export function checkServiceOurs({ service, deployment, inferenceService }: PredictorFacts): StepResult {
  if (service.kind === 'unreadable') return unknown(`the Service cannot be read: ${service.why}`);
  const owner = valueOf(inferenceService);
  if (owner === undefined) return unknown('the InferenceService could not be read');
  const name = predictorName(owner.metadata.name);
  const made = isControlledBy(valueOf(deployment), owner);
  if (service.value === undefined) {
    return made
      ? broken(
          `there is no Service ${name}, though there is a Deployment`,
          'look at the conditions of the InferenceService',
        )
      : unknown(`there is no Service ${name}: how requests reach the pods is unknown`);
  }
  if (isControlledBy(service.value, owner)) return ok(`Service ${name} is its own`);
  const said = recordsIn(owner.status?.conditions).some(({ reason }) => reason === 'ServiceNotOurs');
  // In KServe's serverless mode Knative makes the Service, and users who make their own pods make theirs.
  if (!made && !said) return unknown(`Service ${name} exists, made by another owner`);
  const controller = service.value.metadata.ownerReferences?.find(
    (reference) => reference.controller === true,
  );
  const whose =
    controller === undefined ? 'nothing owns it' : `it belongs to ${controller.kind} ${controller.name}`;
  return broken(`Service ${name} was not made for this InferenceService: ${whose}`);
}

/** Whether a request to the Service reaches a pod. */
export function checkServiceLeads({
  service,
  readyEndpoints,
  pods,
  inferenceService,
}: PredictorFacts): StepResult {
  const owner = valueOf(inferenceService);
  const object = valueOf(service);
  if (owner === undefined || object === undefined)
    return unknown('the Service of the predictor is not known');
  const { name } = object.metadata;
  const { spec } = object as { spec?: unknown };
  if (isRecord(spec) && spec['type'] === 'ExternalName') {
    return isControlledBy(object, owner)
      ? broken(`Service ${name} is of type ExternalName: it bypasses the pods`, 'set its type to ClusterIP')
      : unknown(`Service ${name} is of type ExternalName`);
  }
  if (readyEndpoints.kind === 'unreadable')
    return unknown(`the EndpointSlices of Service ${name} cannot be read: ${readyEndpoints.why}`);
  const count = readyEndpoints.value;
  if (count !== undefined && count > 0)
    return ok(`Service ${name} routes to ${count} ready ${count === 1 ? 'pod' : 'pods'}`);
  const selector = isRecord(spec) && isRecord(spec['selector']) ? Object.entries(spec['selector']) : [];
  const ready = servingPods(valueOf(pods) ?? []).filter((pod) => watchedPod(pod).ready);
  const selected = ready.filter(({ metadata }) =>
    selector.every(([key, value]) => metadata.labels?.[key] === value),
  );
  if (selector.length > 0 && ready.length > 0 && selected.length === 0) {
    const wanted = selector.map(([key, value]) => `${key}=${String(value)}`).join(',');
    return broken(`Service ${name} selects ${wanted}, which no ready pod has`);
  }
  return count === undefined
    ? unknown(`Service ${name} has no EndpointSlice yet`)
    : broken(`Service ${name} routes to no ready pod`);
}

/** By its own conditions, the most specific first. */
export function checkReady(service: InferenceService | undefined): StepResult {
  const ready = service === undefined ? undefined : readinessOf(service);
  if (service === undefined || ready === undefined) return unknown('no condition says whether it is ready');
  if (ready === 'True') return ok('the InferenceService is ready');
  const trouble = serviceTrouble(service);
  return trouble === undefined
    ? broken(`its condition Ready is ${ready}, without a reason`)
    : broken(`its condition Ready is ${ready}: ${troubleText(trouble)}`, adviceOn(trouble));
}
