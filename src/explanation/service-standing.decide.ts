import type { InferenceService } from '../contract/inference-service.ts';
import { isRecord, recordsIn } from '../lib/json.ts';

/** Why an InferenceService is not ready, from its status. */
interface ServiceTrouble {
  /** Empty when the status has none. */
  readonly reason: string;
  readonly message: string;
}

/** Its condition Ready; undefined when it was never written. */
export function readinessOf({ status }: InferenceService): 'True' | 'False' | 'Unknown' | undefined {
  const held = recordsIn(status?.conditions).find(({ type }) => type === 'Ready')?.['status'];
  if (held === undefined) return undefined;
  return held === 'True' || held === 'False' ? held : 'Unknown';
}

/** The conditions of an InferenceService that has only a predictor, the one with the cause first. */
const IN_ORDER: readonly unknown[] = ['PredictorReady', 'IngressReady', 'Ready'];

/**
 * The most precise reason in its status for not being ready; undefined when it is ready, or the status has no reason.
 * KServe reports a runtime that it does not find only in `modelStatus.lastFailureInfo`.
 */
export function serviceTrouble(service: InferenceService): ServiceTrouble | undefined {
  const standing = readinessOf(service);
  if (standing === 'True') return undefined;
  const unhappy = recordsIn(service.status?.conditions).filter(
    ({ type, status, severity }) =>
      IN_ORDER.includes(type) && status !== 'True' && (severity === undefined || severity === ''),
  );
  const inOrder = IN_ORDER.flatMap((wanted) => unhappy.filter(({ type }) => type === wanted));
  const falseFirst = [
    ...inOrder.filter(({ status }) => status === 'False'),
    ...inOrder.filter(({ status }) => status !== 'False'),
  ];
  const reported = [...falseFirst.map(troubleIn), lastFailure(service)].filter(
    ({ message }) => message !== '',
  );
  return reported[0] ?? falseFirst.map(troubleIn).find(({ reason }) => reason !== '');
}

/** In words; without a reason, only its message. */
export function troubleText({ reason, message }: ServiceTrouble): string {
  return [reason, message].filter((text) => text !== '').join(': ');
}

function lastFailure({ status }: InferenceService): ServiceTrouble {
  const modelStatus = status?.modelStatus;
  const failure = isRecord(modelStatus) ? modelStatus['lastFailureInfo'] : undefined;
  return isRecord(failure) ? troubleIn(failure) : { reason: '', message: '' };
}

function troubleIn({ reason, message }: Readonly<Record<string, unknown>>): ServiceTrouble {
  return { reason: textOf(reason), message: textOf(message) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** What to do about it; undefined when its message says so already. */
export function adviceOn({ reason }: ServiceTrouble): string | undefined {
  return ADVICE.get(reason);
}

/** By KServe's reasons for a predictor that cannot be made (`FailureReason` of v1beta1), and ours. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'NoSupportingRuntime',
    'apply a ServingRuntime or ClusterServingRuntime that has this format with autoSelect: true and this protocol ' +
      '(manifests/runtimes has one for MLServer), or name one in spec.predictor.model.runtime',
  ],
  [
    'RuntimeNotRecognized',
    'correct spec.predictor.model.runtime, or apply the runtime: kubectl get servingruntimes,clusterservingruntimes',
  ],
  [
    'RuntimeDisabled',
    'set spec.disabled of the runtime to false, or name another in spec.predictor.model.runtime',
  ],
  ['InvalidPredictorSpec', 'correct spec.predictor as the message says'],
  ['ScaledToZero', 'raise spec.predictor.minReplicas, or scale the Deployment of the predictor up'],
  ['Stopped', 'remove the annotation serving.kserve.io/stop'],
]);
