import { carriesSecret, signatureIn } from '../../contract/storage-uri.ts';
import type { AdmissionFault } from '../../contract/trained-model-admission.ts';
import { faultsOf } from '../../contract/trained-model-admission.ts';
import { RESIDENCY_ANNOTATIONS } from '../../contract/names.ts';
import { pinDoubt } from '../../contract/residency.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { FindingCode } from './catalogue.decide.ts';
import { unknownFieldsOfTrainedModel } from './fields.decide.ts';
import type { FieldPath, Finding, Named } from './finding.decide.ts';

/** The webhook's rules, by their code: what `mms analyze` calls them, and the field that they judge. */
const RULES: Readonly<Record<AdmissionFault['code'], readonly [FindingCode, FieldPath]>> = {
  InvalidName: ['MMS201', ['metadata', 'name']],
  InvalidStorageUri: ['MMS202', ['spec', 'model', 'storageUri']],
  InvalidMemory: ['MMS203', ['spec', 'model', 'memory']],
  MemoryImmutable: ['MMS203', ['spec', 'model', 'memory']],
  InvalidFramework: ['MMS204', ['spec', 'model', 'framework']],
  InvalidInferenceService: ['MMS205', ['spec', 'inferenceService']],
};

/** The faults of a TrainedModel alone. */
export function trainedModelFindings<T>({ subject, object }: Named<T, TrainedModel>): Finding<T>[] {
  const uri = object.spec?.model?.storageUri;
  const hasSecret = typeof uri === 'string' && carriesSecret(uri);
  const faults = faultsOf({ model: object, previous: undefined, allowMemoryChanges: false });
  const findings = faults.map(({ code, message }): Finding<T> => {
    const [finding, path] = RULES[code];
    return { code: finding === 'MMS202' && hasSecret ? 'MMS206' : finding, subject, path, message };
  });
  return [
    ...unknownFieldsOfTrainedModel(subject, { ...object }),
    ...findings,
    ...(typeof uri === 'string' ? signatureFinding(subject, uri) : []),
    ...pinFinding(subject, object),
  ];
}

function pinFinding<T>(subject: T, { metadata }: TrainedModel): Finding<T>[] {
  const message = pinDoubt(metadata.annotations);
  const path = ['metadata', 'annotations', RESIDENCY_ANNOTATIONS.residency];
  return message === undefined ? [] : [{ code: 'MMS216', subject, path, message }];
}

function signatureFinding<T>(subject: T, uri: string): Finding<T>[] {
  const parameter = signatureIn(uri);
  if (parameter === undefined) return [];
  const message = `the query of the storageUri holds ${parameter}, which grants access to anyone who reads it`;
  return [{ code: 'MMS207', subject, path: ['spec', 'model', 'storageUri'], message }];
}
