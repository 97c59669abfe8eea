/** The model that a request is for, and what it asks. */
export interface ModelTarget {
  readonly model: string;
  /** `inference` needs the model in memory; the others ask about the model. */
  readonly ask: 'inference' | 'ready' | 'metadata';
}

/** As metrics name them. Streaming and non-streaming calls share a verb. */
type InferenceVerb = 'predict' | 'explain' | 'infer' | 'generate';

/** TensorFlow's API, which is V1, has versions, labels and more verbs: https://www.tensorflow.org/tfx/serving/api_rest. */
const V1 = /^\/v1\/models\/([^/:]+)(?:\/(?:versions|labels)\/[^/:]+)?(?::([a-z]+))?$/;
const V1_INFERENCE: ReadonlyMap<string, InferenceVerb> = new Map([
  ['predict', 'predict'],
  ['explain', 'explain'],
  ['classify', 'predict'],
  ['regress', 'predict'],
]);
const V2 = /^\/v2\/models\/([^/]+)(?:\/versions\/[^/]+)?(?:\/([^/]+))?$/;
/** V2 with KServe's and Triton's extensions for generation, and MLServer's for streaming. */
const V2_INFERENCE: ReadonlyMap<string, InferenceVerb> = new Map([
  ['infer', 'infer'],
  ['infer_stream', 'infer'],
  ['generate', 'generate'],
  ['generate_stream', 'generate'],
  ['explain', 'explain'],
]);

/** What a path asks of a model, whatever the method. */
export type Asked =
  | { readonly model: string; readonly ask: 'inference'; readonly verb: InferenceVerb }
  | { readonly model: string; readonly ask: 'ready' | 'metadata' };

/**
 * The model that a request is for, by its method and target. Undefined for a request that is for no model, or that does
 * not need its model in memory. The path is decoded once, as model servers do.
 */
export function modelTarget(method: string, target: string): ModelTarget | undefined {
  const asked = askedIn(target);
  if (asked === undefined || !fitsMethod(method, asked)) return undefined;
  const { model, ask } = asked;
  return { model, ask };
}

/** Whether a model server accepts the method. It refuses any other, whether or not it has the model. */
export function fitsMethod(method: string, { ask }: Asked): boolean {
  return ask === 'inference' ? method === 'POST' : method === 'GET' || method === 'HEAD';
}

/** The model and the verb of an inference, by its target alone; undefined for anything else. */
export function inferenceTarget(
  target: string,
): { readonly model: string; readonly verb: InferenceVerb } | undefined {
  const asked = askedIn(target);
  return asked?.ask === 'inference' ? { model: asked.model, verb: asked.verb } : undefined;
}

/** What a target asks of a model. Undefined if it is for no model, or does not need its model. */
export function askedIn(target: string): Asked | undefined {
  const path = pathOf(target);
  if (path === undefined) return undefined;
  const v1 = V1.exec(path);
  if (v1 !== null) {
    const [, model = '', verb] = v1;
    return verb === undefined ? { model, ask: 'ready' } : inferenceOf(model, V1_INFERENCE.get(verb));
  }
  const v2 = V2.exec(path);
  if (v2 === null) return undefined;
  const [, model = '', verb] = v2;
  if (verb === undefined) return { model, ask: 'metadata' };
  return verb === 'ready' ? { model, ask: 'ready' } : inferenceOf(model, V2_INFERENCE.get(verb));
}

function inferenceOf(model: string, verb: InferenceVerb | undefined): Asked | undefined {
  return verb === undefined ? undefined : { model, ask: 'inference', verb };
}

function pathOf(target: string): string | undefined {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
