/** What a request asks of which model. */
export interface ModelTarget {
  readonly model: string;
  /** `inference` needs the model in memory; the others are asked about it. */
  readonly ask: 'inference' | 'ready' | 'metadata';
}

/** TensorFlow's API, which is V1, has versions, labels and more verbs: https://www.tensorflow.org/tfx/serving/api_rest. */
const V1 =
  /^\/v1\/models\/([^/:]+)(?:\/(?:versions|labels)\/[^/:]+)?(?::(predict|explain|classify|regress))?$/;
const V2 = /^\/v2\/models\/([^/]+)(?:\/versions\/[^/]+)?(?:\/([^/]+))?$/;
/** V2 with KServe's and Triton's extensions for generation, and MLServer's for streaming. */
const V2_INFERENCE: ReadonlySet<string> = new Set([
  ...['infer', 'infer_stream', 'generate', 'generate_stream', 'explain'],
]);

/**
 * The model that a request is for, by its method and its target; undefined for a request that is for no model, and for one that
 * no model has to be in memory for. The path is decoded once, as model servers do.
 */
export function modelTarget(method: string, target: string): ModelTarget | undefined {
  const path = pathOf(target);
  if (path === undefined) return undefined;
  const v1 = V1.exec(path);
  if (v1 !== null) return targetOf(method, v1[1], v1[2] === undefined ? 'ready' : 'inference');
  const v2 = V2.exec(path);
  if (v2 === null) return undefined;
  const [, model, verb] = v2;
  if (verb === undefined) return targetOf(method, model, 'metadata');
  if (verb === 'ready') return targetOf(method, model, 'ready');
  return V2_INFERENCE.has(verb) ? targetOf(method, model, 'inference') : undefined;
}

/** Any other method is refused by the model server, whether or not it has the model. */
function targetOf(method: string, model = '', ask: ModelTarget['ask']): ModelTarget | undefined {
  const isAsked = ask === 'inference' ? method === 'POST' : method === 'GET' || method === 'HEAD';
  return isAsked ? { model, ask } : undefined;
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
