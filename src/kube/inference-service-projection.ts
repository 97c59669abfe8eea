import type { InferenceService } from '../contract/inference-service.ts';
import { isLongJson, isRecord, recordsIn } from '../lib/json.ts';

/** kubectl's copy of the whole object. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Annotations that are read here. Pods get others from KServe's controller. */
const READ_ANNOTATION = /^(?:kserve-mms|(?:internal\.)?serving\.kserve\.io)\//;
/** Environment variables by which a predictor with its own containers declares what it is. */
const READ_VARIABLES: ReadonlySet<unknown> = new Set(['MULTI_MODEL_SERVER', 'PROTOCOL']);

/** InferenceServices up to this many characters are kept whole. Typical ones have some thousand. */
const MOST = 32 * 1024;
/** The most characters of one field, and of a field within a container or a framework's block, in a longer one. */
const MOST_OF_FIELD = 8 * 1024;
const MOST_WITHIN = 1024;
const MOST_CONTAINERS = 16;

/**
 * What the cache keeps of InferenceServices: of one with a usual length everything but kubectl's copy. A tenant can
 * create hundreds of longer ones; of these it keeps what multi-model serving beside KServe reads. Changes the object,
 * which is not shared yet.
 */
export function keptInferenceService(object: InferenceService): InferenceService {
  const service = withoutLastApplied(object);
  if (!isLongJson(service, MOST)) return service;
  const { apiVersion, kind, metadata, spec, status } = service;
  const { annotations = {}, ...identity } = metadata;
  const read = Object.entries(annotations).filter(([name]) => READ_ANNOTATION.test(name));
  const predictor = isRecord(spec?.predictor) ? keptPredictor(spec.predictor) : undefined;
  return {
    ...{ apiVersion, kind },
    metadata: {
      ...shortFields(identity, MOST_OF_FIELD),
      name: metadata.name,
      annotations: shortFields(Object.fromEntries(read), MOST_WITHIN),
    },
    spec: predictor && { predictor },
    status: isRecord(status) ? shortFields(status, MOST_OF_FIELD) : undefined,
  } as InferenceService;
}

/** If pods are made of InferenceServices here, all their other fields are kept. */
export function withoutLastApplied(service: InferenceService): InferenceService {
  const { annotations } = service.metadata;
  if (annotations !== undefined) Reflect.deleteProperty(annotations, LAST_APPLIED);
  return service;
}

function keptPredictor(predictor: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = Object.entries(predictor).flatMap(([name, value]): [string, unknown][] => {
    if (name === 'containers') return [[name, recordsIn(value).slice(0, MOST_CONTAINERS).map(keptContainer)]];
    if (!isLongJson(value, MOST_OF_FIELD)) return [[name, value]];
    return isRecord(value) ? [[name, shortFields(value, MOST_WITHIN)]] : [];
  });
  return Object.fromEntries(fields);
}

function keptContainer({ env, ...container }: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const read = recordsIn(env).filter(({ name }) => READ_VARIABLES.has(name));
  return {
    ...shortFields(container, MOST_WITHIN),
    ...(read.length > 0 && !isLongJson(read, MOST_WITHIN) && { env: read }),
  };
}

function shortFields<T extends object>(record: T, most: number): Partial<T> {
  return Object.fromEntries(
    Object.entries(record).filter(([, value]) => !isLongJson(value, most)),
  ) as Partial<T>;
}
