import type { InferenceService } from '../contract/inference-service.ts';
import type { TrainedModel } from '../contract/trained-model.ts';
import { isRecord } from '../lib/json.ts';

/**
 * Python's messages about the most common broken models, and what to do; seen with MLServer 1.7.1 and KServe's
 * sklearnserver 0.17.
 */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [
    /\bIs a directory\b|\bIsADirectoryError\b/,
    'the model server finds no model file in the artifact: name it model.joblib, or put only that file into the artifact',
  ],
  [
    /\bModuleNotFoundError\b|\bNo module named\b|\bCan't get attribute\b|\bImportError\b/,
    "the model needs Python code that is not in the model server's image: use an image with that package, in the version used to make the model",
  ],
  [
    /\bUnpicklingError\b|\bEOFError\b|\binvalid load key\b|\bKeyError: \d+|\bunsupported pickle protocol\b|\bpickle data was truncated\b/,
    'the server cannot read the file as a pickle: check that the storageUri names the model itself, and that the model was made with the versions in the server',
  ],
  [
    /\bincompatible dtype\b|\bsize changed\b|\bAttributeError\b|\bunexpected keyword argument\b|\bInconsistentVersion/,
    'the model was made with another version of its library than the model server has: make it again with that version, or use an image with the version that it was made with',
  ],
  [
    /\bMemoryError\b|\bUnable to allocate\b|\bstd::bad_alloc\b/,
    'the model server has too little memory for it: raise its memory limit, or unload other models',
  ],
];

/** What to do about a model that the model server refuses to load; undefined without specific advice. */
export function adviceOnRefusal(
  message: string,
  model: TrainedModel,
  service: InferenceService | undefined,
): string | undefined {
  return adviceOnFramework(model, service) ?? REFUSALS.find(([words]) => words.test(message))?.[1];
}

/** Without a framework that the agent knows, the model server may not find the model, and its message says no more. */
function adviceOnFramework(
  { spec }: TrainedModel,
  service: InferenceService | undefined,
): string | undefined {
  const framework = spec?.model?.framework;
  const predictor = service?.spec?.predictor?.['model'];
  const named = isRecord(predictor) ? predictor['modelFormat'] : undefined;
  const format = isRecord(named) ? named['name'] : undefined;
  if (typeof framework !== 'string' || typeof format !== 'string') return undefined;
  if (framework.toLowerCase() === format.toLowerCase()) return undefined;
  return `its framework is ${JSON.stringify(framework).slice(0, 80)}, and its InferenceService is of the format ${format.slice(0, 80)}: correct spec.model.framework, or look at the log of the model server (kserve-container)`;
}
