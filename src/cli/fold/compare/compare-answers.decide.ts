import { isDeepStrictEqual } from 'node:util';
import { isRecord, recordsIn } from '../../../lib/json.ts';

/** The response of a server. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A difference between two answers to one request. Codes are stable. */
export interface Difference {
  readonly code:
    | 'StatusDiffers'
    | 'RequestRefused'
    | 'NotJson'
    | 'ModelNameDiffers'
    | 'OutputsDiffer'
    | 'OrderDiffers'
    | 'DatatypeDiffers'
    | 'ShapeDiffers'
    | 'ValuesDiffer';
  /** One sentence for the user, with the place. */
  readonly message: string;
}

/**
 * How far two numbers may differ, as in numpy's `isclose`: by a share of the value, and near zero by a thousandth of
 * that share in place of its `atol`.
 */
export type Tolerance = number & { readonly __unit: 'relative tolerance' };

/**
 * The first difference that a client could notice between two answers to the same request; undefined when there is
 * none.
 */
export function answerDifference(
  before: Answer,
  after: Answer,
  tolerance: Tolerance,
): Difference | undefined {
  if (before.status !== after.status)
    return { code: 'StatusDiffers', message: `status ${before.status} before, ${after.status} now` };
  if (before.status < 200 || before.status > 299)
    return {
      code: 'RequestRefused',
      message: `both answer with status ${before.status}: correct the request`,
    };
  // Python's servers write NaN, which is not valid JSON.
  if (before.text === after.text) return undefined;
  const [old, now] = [parsed(before.text), parsed(after.text)];
  if (old === undefined || now === undefined)
    return {
      code: 'NotJson',
      message: `the answer ${old === undefined ? 'before' : 'now'} is not JSON, and the two are not the same text`,
    };
  return isRecord(old) && isRecord(now) && Array.isArray(old['outputs']) && old['predictions'] === undefined
    ? v2Difference(old, now, tolerance)
    : valueDifference(old, now, '', tolerance);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Malformed JSON is reported separately.
    return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Identifiers and versions differ between servers: `id`, `model_version`, `parameters`. */
function v2Difference(old: Fields, now: Fields, tolerance: Tolerance): Difference | undefined {
  if (old['model_name'] !== now['model_name'])
    return {
      code: 'ModelNameDiffers',
      message: `model_name is ${shown(old['model_name'])} before, ${shown(now['model_name'])} now`,
    };
  const [outputs, others] = [recordsIn(old['outputs']), recordsIn(now['outputs'])];
  const [names, otherNames] = [outputs, others].map((all) => all.map(({ name }) => shown(name)));
  if (!isDeepStrictEqual(names, otherNames)) {
    const isSorted = isDeepStrictEqual(names?.toSorted(), otherNames?.toSorted());
    const message = `outputs are ${names?.join(', ') ?? ''} before, ${otherNames?.join(', ') ?? ''} now`;
    return { code: isSorted ? 'OrderDiffers' : 'OutputsDiffer', message };
  }
  for (const [index, output] of outputs.entries()) {
    const found = outputDifference(output, others[index] ?? {}, tolerance);
    if (found !== undefined) return found;
  }
  return undefined;
}

function outputDifference(old: Fields, now: Fields, tolerance: Tolerance): Difference | undefined {
  const name = shown(old['name']);
  if (old['datatype'] !== now['datatype'])
    return {
      code: 'DatatypeDiffers',
      message: `output ${name} is ${shown(old['datatype'])} before, ${shown(now['datatype'])} now`,
    };
  if (!isDeepStrictEqual(old['shape'], now['shape']))
    return {
      code: 'ShapeDiffers',
      message: `output ${name} is of shape ${shown(old['shape'])} before, ${shown(now['shape'])} now`,
    };
  // Data may be nested or flat; the shape was already compared.
  return valueDifference(flat(old['data']), flat(now['data']), `output ${name}`, tolerance);
}

function flat(data: unknown): unknown {
  return Array.isArray(data) ? (data as unknown[]).flat(Infinity) : data;
}

function valueDifference(
  old: unknown,
  now: unknown,
  place: string,
  tolerance: Tolerance,
): Difference | undefined {
  if (Array.isArray(old) && Array.isArray(now)) {
    if (old.length !== now.length)
      return {
        code: 'ShapeDiffers',
        message: `${place || 'the answer'} has ${old.length} entries before, ${now.length} now`,
      };
    for (const [index, entry] of (old as unknown[]).entries()) {
      const found = valueDifference(entry, (now as unknown[])[index], `${place}[${index}]`, tolerance);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isRecord(old) && isRecord(now)) return fieldDifference(old, now, place, tolerance);
  if (typeof old === 'number' && typeof now === 'number' && isClose(old, now, tolerance)) return undefined;
  if (old === now) return undefined;
  const code = Array.isArray(old) === Array.isArray(now) ? 'ValuesDiffer' : 'ShapeDiffers';
  return { code, message: `${place || 'the answer'} is ${shown(old)} before, ${shown(now)} now` };
}

function fieldDifference(
  old: Fields,
  now: Fields,
  place: string,
  tolerance: Tolerance,
): Difference | undefined {
  const [keys, others] = [Object.keys(old).sort(), Object.keys(now).sort()];
  if (!isDeepStrictEqual(keys, others))
    return {
      code: 'OutputsDiffer',
      message: `${place || 'the answer'} has ${keys.join(', ')} before, ${others.join(', ')} now`,
    };
  for (const key of keys) {
    const found = valueDifference(old[key], now[key], place === '' ? key : `${place}.${key}`, tolerance);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whole numbers are classes and counts, so they must be equal. */
function isClose(a: number, b: number, tolerance: Tolerance): boolean {
  if (a === b) return true;
  if (Number.isInteger(a) && Number.isInteger(b)) return false;
  const share = tolerance * Math.max(Math.abs(a), Math.abs(b));
  return Math.abs(a - b) <= share + tolerance / 1000;
}

const SHOWN = 60;

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : value === undefined ? 'missing' : JSON.stringify(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}…`;
}
