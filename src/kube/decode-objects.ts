import { createBreather } from '../lib/breather.ts';
import type { Clock } from '../lib/clock.ts';
import { jsonKind, jsonParts } from '../lib/json-parts.ts';
import { jsonMeter, type JsonMeter } from '../lib/json-meter.ts';

/** Called with an object of which fields were left out, such as `metadata.annotations`. */
type LeftOut = (object: unknown, fields: readonly string[]) => void;

/** What is shorter is parsed in one go: the costliest of it, `{"a":"","b":"",…`, takes some 30 ms. */
const SHORT = 256 * 1024;
/**
 * What one object may hold, as a review (`REVIEW_BOUNDS` of the webhook): 1.5 MiB of `{},{},…` take 170 ms to parse, of
 * `"k1":"","k2":"",…` 130 ms, and of what objects are usually made of 10 ms. A list of 25,000 references has 50,000 values.
 */
const MOST = { values: 60_000, names: 5_500, depth: 1_000 };
/**
 * What may be kept in part; `object` is that of an event. Of all else nothing or the whole is kept: half a spec would be taken
 * for another one.
 */
const OPENED: ReadonlySet<string> = new Set(['', 'metadata', 'object', 'object.metadata']);
/** Bytes that are looked at before it is asked whether they are too much already. */
const LOOK = 32 * 1024;
/** No object of Kubernetes has more fields. */
const MOST_FIELDS = 500;

/**
 * Parses an object, or the event of a watch that holds one, in a short time, whatever a tenant has put into it: fields that are
 * more than that are left out.
 *
 * @throws {SyntaxError} for what is no JSON
 */
export function decodeObject(text: Buffer, leftOut?: LeftOut): unknown {
  if (text.length <= SHORT || jsonKind(text) !== 'object') return parsed(text);
  const budget = { values: MOST.values, names: MOST.names };
  const fields: string[] = [];
  const object = within(text, '', budget, fields);
  if (fields.length > 0) leftOut?.(object, fields);
  return object;
}

/** A list, one object after the other as {@link decodeObject} does, with pauses between them. */
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

/** The value as far as it is within the budget, which it takes from; undefined when nothing of it is. */
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

/** As JSON.parse does, for which `__proto__` is a name like others. */
function setMember(record: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(record, name, { value, configurable: true, enumerable: true, writable: true });
}

function parsed(text: Buffer): unknown {
  return JSON.parse(text.toString('utf8'));
}
