import { isRecord } from '../../lib/json.ts';

/** A request's instances, or why it cannot be batched, in KServe's words. */
type ReadInstances =
  | { readonly kind: 'instances'; readonly instances: readonly unknown[] }
  | { readonly kind: 'bad'; readonly reason: string };

/** Parses a V1 request as KServe v0.17's batcher does: pkg/batcher/handler.go. */
export function readInstances(body: Buffer): ReadInstances {
  const parsed = parse(body);
  if (parsed === null) return { kind: 'bad', reason: 'no instances in the request' };
  if (!isRecord(parsed)) return { kind: 'bad', reason: "can't Unmarshal body" };
  const instances = named(parsed, INSTANCES);
  if (instances !== null && !Array.isArray(instances)) return { kind: 'bad', reason: "can't Unmarshal body" };
  if (instances === null || instances.length === 0)
    return { kind: 'bad', reason: 'no instances in the request' };
  return { kind: 'instances', instances };
}

/** As in Go's encoding/json, a field is found whatever the case of its letters. */
const INSTANCES = /^instances$/iu;

/** The last member with that name, which is the one that Go keeps. */
function named(parsed: Readonly<Record<string, unknown>>, name: RegExp): unknown {
  return Object.entries(parsed).findLast(([member]) => name.test(member))?.[1] ?? null;
}

/** One caller's answer. */
export interface BatchAnswer {
  readonly status: number;
  /** KServe's fields, in KServe's order. */
  readonly body: {
    readonly message: string;
    readonly batchId: string;
    readonly predictions: readonly unknown[] | null;
  };
}

/** A model server that answered, but without a prediction for each instance. */
const BAD_ANSWER = 502;

/**
 * Divides the answer to a batch among its callers.
 * @param counts the number of each caller's instances, in the order of the batch
 */
export function divideAnswer(
  { status, body }: { readonly status: number; readonly body: Buffer },
  counts: readonly number[],
  batchId: string,
): BatchAnswer[] {
  const toAll = (answer: BatchAnswer) => counts.map(() => answer);
  const failed = (failure: number, message: string, id: string) =>
    toAll({ status: failure, body: { message, batchId: id, predictions: null } });
  if (status !== 200) return failed(status, body.toString('utf8'), '');
  const parsed = parse(body);
  const predictions = isRecord(parsed) ? parsed['predictions'] : undefined;
  if (parsed === undefined) return failed(BAD_ANSWER, 'the answer of the model server is not JSON', batchId);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!Array.isArray(predictions) || predictions.length !== total)
    return failed(BAD_ANSWER, 'size of prediction is not equal to the size of instances', batchId);
  let from = 0;
  return counts.map((count) => {
    const own = predictions.slice(from, from + count) as unknown[];
    from += count;
    return { status: 200, body: { message: '', batchId, predictions: own } };
  });
}

/** A number that is too large for a double contains one of these. */
const LARGE_NUMBER = /[eE]\+?\d{3}|\d{200}/;

/** Undefined for numbers that Go does not accept either: such a number would be written as null. */
function parse(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    if (!LARGE_NUMBER.test(text)) return JSON.parse(text) as unknown;
    return JSON.parse(text, (_, value: unknown) => {
      if (value === Infinity || value === -Infinity) throw new RangeError('too large for a double');
      return value;
    }) as unknown;
  } catch {
    return undefined;
  }
}
