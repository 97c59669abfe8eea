import { createBreather } from '../lib/breather.ts';
import type { Clock } from '../lib/clock.ts';
import { isRecord, recordOf } from '../lib/json.ts';
import { jsonKind, jsonParts } from '../lib/json-parts.ts';
import { jsonMeter, type JsonMeter } from '../lib/json-meter.ts';

/** Called with an object of which fields were dropped, such as `metadata.annotations`. */
type LeftOut = (object: unknown, fields: readonly string[]) => void;

/** Marks an object of which fields were dropped. Not enumerable: it is no field. */
const INCOMPLETE = Symbol('incomplete');

/** Whether fields of an object of the API server were dropped. A write of such an object would delete them. */
export function isIncomplete(object: object): boolean {
  return INCOMPLETE in object;
}

/** Shorter text is parsed in one go: the most expensive, `{"a":"","b":"",…`, takes some 30 ms. */
const SHORT = 256 * 1024;
/**
 * The limit of one object, the same as of a review (`REVIEW_BOUNDS` of the webhook). Parsing 1.5 MiB of `{},{},…` takes
 * 170 ms, of `"k1":"","k2":"",…` 130 ms, and of usual objects 10 ms. A list of 25,000 references has 50,000 values.
 */
const MOST = { values: 60_000, names: 5_500, depth: 1_000 };
/**
 * The fields that may be kept in part; `object` is that of an event. Other fields are kept as a whole or dropped: half
 * a spec would be taken for a different one.
 */
const OPENED: ReadonlySet<string> = new Set(['', 'metadata', 'object', 'object.metadata']);
/** The number of bytes to count before the limits are checked. */
const LOOK = 32 * 1024;
/** No object of Kubernetes has more fields. */
const MOST_FIELDS = 500;

/**
 * Parses an object, or the event of a watch that holds one, in a short time, whatever a tenant has put into it. Fields
 * above the limits are dropped.
 *
 * @throws {SyntaxError} for text that is not JSON
 */
export function decodeObject(text: Buffer, leftOut?: LeftOut): unknown {
  if (text.length <= SHORT || jsonKind(text) !== 'object') return parsed(text);
  const budget = { values: MOST.values, names: MOST.names };
  const fields: string[] = [];
  const object = within(text, '', budget, fields);
  if (fields.length === 0) return object;
  for (const each of [object, recordOf(object)['object']])
    if (isRecord(each)) Object.defineProperty(each, INCOMPLETE, { value: true });
  leftOut?.(object, fields);
  return object;
}

/** The same for a line of a watch. A short one, which is nearly every one, is not encoded again to be measured. */
export function decodeLine(line: string, leftOut?: LeftOut): unknown {
  if (Buffer.byteLength(line) <= SHORT) return JSON.parse(line);
  return decodeObject(Buffer.from(line), leftOut);
}

/** Parses a list, one object after the other like {@link decodeObject}, with pauses between them. */
export function listDecoder(clock: Clock, leftOut: LeftOut): (text: Buffer) => Promise<unknown> {
  const breathe = createBreather(clock);
  return async (text) => {
    if (text.length <= SHORT || jsonKind(text) !== 'object') return parsed(text);
    const list: Record<string, unknown> = {};
    for (const { name = '', value } of jsonParts(text)) {
      setMember(list, name, name === 'items' ? await items(value) : parsed(value));
    }
    return list;
  };

  async function items(text: Buffer): Promise<unknown> {
    if (text.length <= SHORT || jsonKind(text) !== 'list') return parsed(text);
    const objects: unknown[] = [];
    for (const { value } of jsonParts(text)) {
      await breathe();
      objects.push(decodeObject(value, leftOut));
    }
    return objects;
  }
}

interface Budget {
  values: number;
  names: number;
}

/** The part of the value that is within the budget, from which it is deducted. Undefined if nothing is. */
function within(text: Buffer, path: string, budget: Budget, leftOut: string[]): unknown {
  const meter = jsonMeter(budget, 0);
  if (isModest(text, meter)) {
    budget.values -= meter.values();
    budget.names -= meter.names();
    return parsed(text);
  }
  if (!OPENED.has(path) || jsonKind(text) !== 'object') {
    leftOut.push(path);
    return undefined;
  }
  const kept: Record<string, unknown> = {};
  let fields = 0;
  for (const { name = '', value } of jsonParts(text)) {
    if ((fields += 1) > MOST_FIELDS) {
      leftOut.push(`${path}, all after ${MOST_FIELDS} fields`);
      break;
    }
    const part = within(value, path === '' ? name : `${path}.${name}`, budget, leftOut);
    if (part !== undefined) setMember(kept, name, part);
  }
  return kept;
}

function isModest(text: Buffer, meter: JsonMeter): boolean {
  for (let at = 0; at < text.length; at += LOOK) {
    if (meter.add(text.subarray(at, at + LOOK)) !== undefined) return false;
  }
  return meter.depth() <= MOST.depth;
}

/** As in JSON.parse, `__proto__` is a name like any other. */
function setMember(record: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(record, name, { value, configurable: true, enumerable: true, writable: true });
}

function parsed(text: Buffer): unknown {
  return JSON.parse(text.toString('utf8'));
}
