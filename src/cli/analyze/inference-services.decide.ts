import type { InferenceService, Predictor } from '../../contract/inference-service.ts';
import { implementationOf, isCustomPredictor, memoryLimitOf } from '../../contract/inference-service.ts';
import { isRecord } from '../../lib/json.ts';
import { describeMmsDecision, isMMSPredictor } from '../../contract/mms-predictor.ts';
import { modelRequestOf } from '../../contract/model-request.ts';
import { CONTAINERS } from '../../contract/names.ts';
import { readResidency } from '../../contract/residency.ts';
import { selectRuntime } from '../../contract/serving-runtime-selection.ts';
import type { RuntimeOffer } from '../../contract/serving-runtime.ts';
import { misspeltFieldsOfInferenceService } from './fields.decide.ts';
import type { FieldPath, Finding, Named } from './finding.decide.ts';
import { mayShareNamespace } from './finding.decide.ts';
import { payloadFindings } from './payload.decide.ts';

/** A ServingRuntime or, without a namespace, a ClusterServingRuntime of the files. */
export type NamedRuntime<T> = Named<T, RuntimeOffer>;

const PREDICTOR: FieldPath = ['spec', 'predictor'];

/** The faults of an InferenceService alone, and of the runtime that it names. */
export function inferenceServiceFindings<T>(
  service: Named<T, InferenceService>,
  runtimes: readonly NamedRuntime<T>[],
): Finding<T>[] {
  const { subject, object } = service;
  const decision = isMMSPredictor(object.spec?.predictor);
  const findings = [...misspeltFieldsOfInferenceService(subject, { ...object }), ...payloadFindings(service)];
  if (decision.reasons.some(({ code }) => code === 'NoPredictor' || code === 'NoImplementation'))
    return [
      ...findings,
      { code: 'MMS303', subject, path: PREDICTOR, message: describeMmsDecision(decision) },
    ];
  if (!decision.isMms) {
    const message = `it is not multi-model: ${describeMmsDecision(decision)}`;
    return [...findings, { code: 'MMS304', subject, path: PREDICTOR, message }];
  }
  return [
    ...findings,
    ...residencyFindings(service),
    ...limitFindings(service),
    ...runtimeFindings(service, runtimes),
  ];
}

function residencyFindings<T>({ subject, object }: Named<T, InferenceService>): Finding<T>[] {
  return readResidency(object.metadata.annotations).doubts.map(({ annotation, message }) => ({
    ...{ code: 'MMS307', subject, path: ['metadata', 'annotations', annotation], message },
  }));
}

/** The way to the memory limit that the models of an InferenceService share. */
export function limitPath(service: InferenceService): FieldPath {
  const predictor = service.spec?.predictor;
  if (!isRecord(predictor)) return PREDICTOR;
  const container = isCustomPredictor(predictor)
    ? ['containers', indexOfModelServer(predictor)]
    : [implementationOf(predictor)?.field ?? 'model'];
  return [...PREDICTOR, ...container, 'resources', 'limits', 'memory'];
}

/** As memoryLimitOf takes it: the one of KServe's name, else the first. */
function indexOfModelServer(predictor: Predictor): number {
  const containers: readonly unknown[] = predictor.containers ?? [];
  const named = containers.findIndex((one) => isRecord(one) && one['name'] === CONTAINERS.modelServer);
  return named >= 0 ? named : containers.findIndex(isRecord);
}

function limitFindings<T>({ subject, object }: Named<T, InferenceService>): Finding<T>[] {
  if (memoryLimitOf(object) !== undefined) return [];
  const path = limitPath(object);
  const written = valueAt(object, path);
  return written === undefined
    ? [{ code: 'MMS301', subject, path, message: `${path.join('.')} is not set` }]
    : [
        {
          code: 'MMS302',
          subject,
          path,
          message: `the memory limit is ${JSON.stringify(written).slice(0, 80)}; it must be a quantity`,
        },
      ];
}

function valueAt(object: unknown, path: FieldPath): unknown {
  let value = object;
  for (const part of path) {
    if (Array.isArray(value)) value = typeof part === 'number' ? (value as unknown[])[part] : undefined;
    else value = isRecord(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  }
  return value;
}

/** Only of a runtime that the files have: which others the cluster has is not known here. */
function runtimeFindings<T>(
  { subject, namespace, object }: Named<T, InferenceService>,
  runtimes: readonly NamedRuntime<T>[],
): Finding<T>[] {
  const predictor = object.spec?.predictor;
  if (predictor === undefined || isCustomPredictor(predictor)) return [];
  const request = modelRequestOf(predictor);
  const around = runtimes.filter((runtime) => mayShareNamespace(namespace, runtime.namespace));
  if (request?.runtime === undefined || !around.some(({ name }) => name === request.runtime)) return [];
  const offers = around.map((runtime) => runtime.object);
  const selection = selectRuntime(request, {
    namespaced: offers.filter(({ kind }) => kind === 'ServingRuntime'),
    cluster: offers.filter(({ kind }) => kind === 'ClusterServingRuntime'),
  });
  if (selection.kind === 'selected') return [];
  const path = [...PREDICTOR, 'model', 'runtime'];
  return [{ code: 'MMS305', subject, path, message: selection.message }];
}

/** The formats that the model server is known to load: the predictor's own, and those of its runtime if the files have it. */
export function formatsOf<T>(
  { namespace, object }: Named<T, InferenceService>,
  runtimes: readonly NamedRuntime<T>[],
): readonly string[] {
  const predictor = object.spec?.predictor;
  if (predictor === undefined || isCustomPredictor(predictor)) return [];
  const request = modelRequestOf(predictor);
  if (request === undefined || request.format.name === '') return [];
  const runtime = runtimes.find(
    ({ name, namespace: its }) => name === request.runtime && mayShareNamespace(namespace, its),
  );
  return [request.format.name, ...(runtime?.object.formats ?? []).map(({ name }) => name)];
}
