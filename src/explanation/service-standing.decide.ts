import type { InferenceService } from '../contract/inference-service.ts';
import { isRecord, recordsIn } from '../lib/json.ts';

/** Why an InferenceService is not ready, as its status gives it. */
interface ServiceTrouble {
  /** Empty where none is given. */
  readonly reason: string;
  readonly message: string;
}

/** Its condition Ready; undefined where no one has written one. */
export function readinessOf({ status }: InferenceService): 'True' | 'False' | 'Unknown' | undefined {
  const held = recordsIn(status?.conditions).find(({ type }) => type === 'Ready')?.['status'];
  if (held === undefined) return undefined;
  return held === 'True' || held === 'False' ? held : 'Unknown';
}

/** The conditions of an InferenceService with a predictor alone, that with the cause first. */
const IN_ORDER: readonly unknown[] = ['PredictorReady', 'IngressReady', 'Ready'];

/**
 * The most that its status says of why it is not ready; undefined when it is ready, or nothing is said. KServe gives a
 * runtime that it does not find in `modelStatus.lastFailureInfo` alone.
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
  const told = [...falseFirst.map(troubleIn), lastFailure(service)].filter(({ message }) => message !== '');
  return told[0] ?? falseFirst.map(troubleIn).find(({ reason }) => reason !== '');
}

/** In words; without a reason its message alone. */
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

/** What to do about it; undefined where its message says that already. */
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
  ['Stopped', 'take away the annotation serving.kserve.io/stop'],
]);
