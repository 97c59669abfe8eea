/** What a request asks of which model. */
interface InferenceTarget {
  readonly model: string;
  readonly verb: 'predict' | 'explain' | 'infer' | 'generate';
}

const V1 = /^\/v1\/models\/([^/:?]+):(predict|explain)(?:\?|$)/;
const V2 = /^\/v2\/models\/([^/?]+)(?:\/versions\/[^/?]+)?\/(infer|generate|generate_stream)(?:\?|$)/;

/**
 * The model a request path is for; undefined for anything that is no inference. Paths are those of KServe's V1 and V2
 * protocols: https://kserve.github.io/website/docs/concepts/architecture/data-plane
 */
export function inferenceTarget(path: string): InferenceTarget | undefined {
  const match = V1.exec(path) ?? V2.exec(path);
  const [, model = '', verb = ''] = match ?? [];
  if (model === '') return undefined;
  const kind = verb === 'generate_stream' ? 'generate' : (verb as InferenceTarget['verb']);
  return { model: decoded(model), verb: kind };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
