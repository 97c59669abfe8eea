import { IMPLEMENTATION_FIELDS } from '../../contract/inference-service.ts';
import { isRecord } from '../../lib/json.ts';
import type { FieldPath, Finding } from './finding.decide.ts';
import { nearestName, spelling } from './nearest-name.decide.ts';

/** All there is of a TrainedModel's spec. Source: manifests/crds/trainedmodels.yaml. */
const TRAINED_MODEL: readonly (readonly [FieldPath, readonly string[]])[] = [
  [[], ['apiVersion', 'kind', 'metadata', 'spec', 'status']],
  [['spec'], ['inferenceService', 'model']],
  [
    ['spec', 'model'],
    ['storageUri', 'framework', 'memory'],
  ],
];

/** Fields of a predictor on which it depends whether it is multi-model, and what fits into it. */
const PREDICTOR = [
  ...IMPLEMENTATION_FIELDS,
  'containers',
  'storageUris',
  'minReplicas',
  'maxReplicas',
  'serviceAccountName',
];
const IMPLEMENTATION = [
  'modelFormat',
  'runtime',
  'storageUri',
  'storage',
  'runtimeVersion',
  'protocolVersion',
  'resources',
  'env',
  'args',
];

/** Fields of a TrainedModel that do not exist. */
export function unknownFieldsOfTrainedModel<T>(
  subject: T,
  object: Readonly<Record<string, unknown>>,
): Finding<T>[] {
  return TRAINED_MODEL.flatMap(([path, known]) => {
    const fields = Object.keys(recordAt(object, path));
    return fields
      .filter((field) => !known.includes(field))
      .map((field) => unknownField(subject, path, field, nearestName(field, known)));
  });
}

/**
 * Fields of an InferenceService that are written otherwise than the ones that matter here, such as `storageURI`. A predictor
 * has hundreds of fields, a pod's and a container's; what is spelt like none of these is not judged.
 */
export function misspeltFieldsOfInferenceService<T>(
  subject: T,
  object: Readonly<Record<string, unknown>>,
): Finding<T>[] {
  const places: readonly (readonly [FieldPath, readonly string[]])[] = [
    [[], ['spec']],
    [['spec'], ['predictor', 'transformer', 'explainer']],
    [['spec', 'predictor'], PREDICTOR],
    ...IMPLEMENTATION_FIELDS.map((field) => [['spec', 'predictor', field], IMPLEMENTATION] as const),
  ];
  return places.flatMap(([path, known]) =>
    Object.keys(recordAt(object, path)).flatMap((field) => {
      const meant = known.find((name) => spelling(name) === spelling(field));
      return meant === undefined || meant === field ? [] : [unknownField(subject, path, field, meant)];
    }),
  );
}

function unknownField<T>(subject: T, path: FieldPath, field: string, meant: string | undefined): Finding<T> {
  const guess = meant === undefined ? '' : `; did you mean ${meant}?`;
  const message = `there is no field ${[...path, field].join('.')}${guess}`;
  return { code: 'MMS106', subject, path: [...path, field], message };
}

function recordAt(object: Readonly<Record<string, unknown>>, path: FieldPath): Record<string, unknown> {
  let value: unknown = object;
  for (const part of path) value = isRecord(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  return isRecord(value) ? value : {};
}
