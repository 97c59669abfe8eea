import type { InferenceService, Predictor } from '../../contract/inference-service.ts';
import { isRecord, nestsDeeper, textMapIn } from '../../lib/json.ts';
import type { KubernetesObject, ObjectMeta } from '../../contract/kubernetes.ts';
import type { JsonObject } from '../../lib/json.ts';
import { ownerReferenceTo } from '../../contract/inference-service.ts';
import { describeMmsDecision, isMMSPredictor } from '../../contract/mms-predictor.ts';
import { modelRequestOf } from '../../contract/model-request.ts';
import {
  AGENT_ANNOTATIONS,
  APP_LABEL,
  AUTOSCALER_CLASS_ANNOTATION,
  COMPONENT_LABEL,
  INFERENCE_SERVICE_LABEL,
  PREDICTOR_COMPONENT,
  predictorName,
  STOP_ANNOTATION,
} from '../../contract/names.ts';
import { payloadAnnotations } from '../../contract/payload-spec.ts';
import type { Scale } from '../../contract/predictor-outcome.ts';
import { agentAnnotations, podFromRuntime, podOfCustomPredictor } from './predictor-pod.decide.ts';
import type { PredictorPod } from './predictor-pod.decide.ts';
import { servicePorts } from './predictor-service.decide.ts';
import type { RuntimeOffer } from '../../contract/serving-runtime.ts';
import { selectRuntime } from '../../contract/serving-runtime-selection.ts';
import type { PredictorFault, RuntimeOffers } from '../../contract/serving-runtime-selection.ts';

/** An object to apply: only the fields that this project owns. */
export interface WantedObject extends KubernetesObject {
  readonly spec: JsonObject;
}

export type PredictorPlan =
  /** Not multi-model: nothing to do. */
  | { readonly kind: 'left-alone'; readonly message: string }
  /** Cannot be built; objects from before stay. */
  | {
      readonly kind: 'blocked';
      readonly reason: PredictorFault | 'NamespaceNotSelected';
      readonly message: string;
    }
  | {
      readonly kind: 'workload';
      readonly deployment: WantedObject;
      readonly service: WantedObject;
      readonly scale: Scale;
      /** Undefined for a predictor with its own containers. */
      readonly runtime: Pick<RuntimeOffer, 'kind' | 'name'> | undefined;
    };

/**
 * Annotations that are not copied from the InferenceService (`ServiceAnnotationDisallowedList` in KServe's constants).
 */
const NOT_COPIED = new Set([
  'autoscaling.knative.dev/min-scale',
  'autoscaling.knative.dev/max-scale',
  'internal.serving.kserve.io/storage-initializer-sourceuri',
  'kubectl.kubernetes.io/last-applied-configuration',
  'modelFormat',
]);

/** `isvc.<name>-predictor` is a label value, and `<name>-predictor` the name of a Service: 63 characters each. */
const NAME = /^[a-z]([-a-z0-9]{0,46}[a-z0-9])?$/;

/** A pod's fields end some 15 levels down. Deeper input is not a pod, and could overflow the stack. */
const LEVELS = 64;
const TOO_DEEP = `more than ${LEVELS} levels deep, deeper than any field of a pod; correct it`;

/** The Deployment and the Service of an InferenceService, or why it has none. */
export function planPredictor(inferenceService: InferenceService, runtimes: RuntimeOffers): PredictorPlan {
  const { metadata } = inferenceService;
  const predictor = inferenceService.spec?.predictor;
  const mms = isMMSPredictor(predictor);
  if (!mms.isMms || predictor === undefined) return { kind: 'left-alone', message: describeMmsDecision(mms) };
  if (!NAME.test(metadata.name)) {
    return blocked(
      'InvalidPredictorSpec',
      `the name ${metadata.name} cannot name a Service: use at most 48 lower-case letters, digits and "-", a letter first`,
    );
  }
  if (nestsDeeper(predictor, LEVELS)) {
    return blocked('InvalidPredictorSpec', `spec.predictor is nested ${TOO_DEEP}`);
  }
  if (predictor['workerSpec'] != null) {
    return blocked('InvalidPredictorSpec', 'spec.predictor.workerSpec: several nodes are not supported');
  }
  const scale = scaleOf(predictor, metadata);
  if (scale === undefined) {
    return blocked('InvalidPredictorSpec', 'spec.predictor.minReplicas must be a whole number, 0 or more');
  }
  const request = modelRequestOf(predictor);
  if (request === undefined) {
    return workload(inferenceService, predictor, podOfCustomPredictor(predictor, metadata), scale, undefined);
  }
  if (request.format.name === '') {
    return blocked('InvalidPredictorSpec', 'spec.predictor.model.modelFormat.name is missing');
  }
  const selection = selectRuntime(request, runtimes);
  if (selection.kind === 'none') return blocked(selection.reason, selection.message);
  const { runtime } = selection;
  if (nestsDeeper([runtime.containers, runtime.podSpec], LEVELS)) {
    return blocked('InvalidPredictorSpec', `${runtime.kind} ${runtime.name} is nested ${TOO_DEEP}`);
  }
  return workload(
    inferenceService,
    predictor,
    podFromRuntime(predictor, request, runtime, metadata),
    scale,
    runtime,
  );
}

/**
 * The plan, unless API servers do not call the webhook for the pods: without the agent nothing would load their models,
 * and their Service would lead to a port on which nothing listens.
 * @param unmet the requirement of the webhook's namespaceSelector that the namespace does not meet; undefined when it
 * is selected, or unknown
 */
export function withinReach(plan: PredictorPlan, unmet: string | undefined): PredictorPlan {
  if (unmet === undefined || plan.kind !== 'workload') return plan;
  const { namespace = '', annotations = {} } = plan.deployment.metadata;
  if (annotations[AGENT_ANNOTATIONS.agent] === 'false') return plan;
  return {
    ...{ kind: 'blocked', reason: 'NamespaceNotSelected' },
    message:
      `the webhook does not select namespace ${namespace}, so pods there get no agent: its namespaceSelector requires ` +
      `${unmet}; change the labels of the namespace, or create the InferenceService in another`,
  };
}

function blocked(reason: PredictorFault, message: string): PredictorPlan {
  return { kind: 'blocked', reason, message };
}

function workload(
  inferenceService: InferenceService,
  predictor: Predictor,
  pod: PredictorPod,
  scale: Scale,
  runtime: RuntimeOffer | undefined,
): PredictorPlan {
  const payloadFaults = payloadAnnotations(predictor).faults.map(
    ({ path, message }) => `${path.join('.')} ${message}`,
  );
  const faults = [...pod.faults, ...payloadFaults];
  if (faults.length > 0) return blocked('InvalidPredictorSpec', faults.join('; '));
  const { labels, annotations } = metadataOf(
    { ...inferenceService.metadata, labels: pod.labels },
    predictor,
    runtime,
  );
  const metadata = {
    name: predictorName(inferenceService.metadata.name),
    namespace: inferenceService.metadata.namespace ?? '',
    labels,
    annotations,
    ownerReferences: [ownerReferenceTo(inferenceService)],
  };
  const selector = { [APP_LABEL]: labels[APP_LABEL] ?? '' };
  const deployment = {
    metadata,
    spec: {
      ...(scale.kind === 'external' ? {} : { replicas: scale.kind === 'fixed' ? scale.replicas : 0 }),
      ...(isRecord(predictor['deploymentStrategy'])
        ? { strategy: predictor['deploymentStrategy'] as JsonObject }
        : {}),
      selector: { matchLabels: selector },
      template: { metadata: { labels, annotations }, spec: pod.spec },
    },
  };
  const service = { metadata, spec: { selector, ports: servicePorts(pod.spec, annotations) } };
  const named = runtime === undefined ? undefined : { kind: runtime.kind, name: runtime.name };
  return { kind: 'workload', deployment, service, scale, runtime: named };
}

/** KServe's precedence: the predictor's, then the InferenceService's, then the runtime's. */
function metadataOf(
  metadata: ObjectMeta,
  predictor: Predictor,
  runtime: RuntimeOffer | undefined,
): { readonly labels: Record<string, string>; readonly annotations: Record<string, string> } {
  return {
    labels: {
      ...runtime?.labels,
      ...metadata.labels,
      ...textMapIn(predictor['labels']),
      [INFERENCE_SERVICE_LABEL]: metadata.name,
      [COMPONENT_LABEL]: PREDICTOR_COMPONENT,
      [APP_LABEL]: `isvc.${predictorName(metadata.name)}`,
    },
    annotations: {
      ...handedOn(runtime?.annotations),
      ...handedOn(metadata.annotations),
      ...payloadAnnotations(predictor).annotations,
      ...agentAnnotations(metadata.name),
      ...handedOn(textMapIn(predictor['annotations'])),
    },
  };
}

function handedOn(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !NOT_COPIED.has(key)));
}

function scaleOf(predictor: Predictor, { annotations = {} }: ObjectMeta): Scale | undefined {
  if (annotations[STOP_ANNOTATION] === 'true') return { kind: 'stopped' };
  // KServe also reads this annotation from the predictor, before the InferenceService's.
  const { [AUTOSCALER_CLASS_ANNOTATION]: autoscaler } = {
    ...annotations,
    ...textMapIn(predictor['annotations']),
  };
  if (autoscaler === 'external') return { kind: 'external' };
  const replicas = predictor['minReplicas'] ?? 1;
  return typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0
    ? { kind: 'fixed', replicas }
    : undefined;
}
