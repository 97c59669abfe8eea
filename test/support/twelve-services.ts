/** Twelve single-model InferenceServices of three kinds. The answer identifies the model. */
export const ON_MLSERVER = ['aster', 'daisy', 'iris', 'rose', 'tulip'] as const;
export const ON_SKLEARNSERVER = ['ash', 'beech', 'elm', 'maple', 'oak'] as const;
/** The reason why each of these stays alone. */
export const STAYING = { tensor: 'ServerCannotLoad', vase: 'CustomPredictor' } as const;
export const MOVING = [...ON_MLSERVER, ...ON_SKLEARNSERVER];

export type Protocol = 'v1' | 'v2';

/** The answer that the model of this name is trained to give. */
export function answerOfModel(name: string): number {
  return MOVING.indexOf(name as (typeof MOVING)[number]) + 1;
}

export function protocolOfModel(name: string): Protocol {
  return (ON_MLSERVER as readonly string[]).includes(name) ? 'v2' : 'v1';
}

/** A request to a model that always gives the same answer. */
export function requestOf(protocol: Protocol): string {
  const input = { name: 'input', shape: [1, 1], datatype: 'FP64', data: [3] };
  return JSON.stringify(protocol === 'v2' ? { inputs: [input] } : { instances: [[3]] });
}

/**
 * The answer to a client of the name at `host:port`, without the parts that differ between servers.
 *
 * @throws with the status and the text of any answer that is not a prediction
 */
export async function predictionAt(address: string, name: string): Promise<string> {
  const protocol = protocolOfModel(name);
  const path = protocol === 'v2' ? `/v2/models/${name}/infer` : `/v1/models/${name}:predict`;
  const response = await fetch(`http://${address}${path}`, {
    ...{ method: 'POST', body: requestOf(protocol) },
    // A client with a kept connection may send a request when a terminating pod closes it, in every rollout.
    headers: { 'content-type': 'application/json', connection: 'close' },
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text.slice(0, 300)}`);
  const { predictions, outputs } = JSON.parse(text) as {
    predictions?: number[];
    outputs?: { name: string; datatype: string; shape: number[]; data: number[] }[];
  };
  return JSON.stringify(
    predictions ?? outputs?.map(({ name: output, datatype, shape, data }) => [output, datatype, shape, data]),
  );
}
