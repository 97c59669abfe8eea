import { closingQuote } from './json-parts.ts';

/** What a JSON text may hold. V8 spends time and memory on each of these, whatever the length of the text. */
export interface JsonBounds {
  /**
   * Commas and opening brackets together. An element of a list or an object counts once, and once more when it is a list or
   * an object itself.
   */
  readonly values: number;
  /** Different member names in the whole text: each becomes a string, and often an object layout, of its own. */
  readonly names: number;
}

export type JsonExcess = keyof JsonBounds;

/** Counts what is in a JSON text before anything parses it. It looks at bytes, keeps none, and does not recurse. */
export interface JsonMeter {
  /** The next piece of the text; returns the bound that has been passed, if any. */
  add(piece: Uint8Array): JsonExcess | undefined;
  /** Commas and opening brackets so far. */
  values(): number;
  /** Member names so far, those that differ. */
  names(): number;
  /** The deepest nesting so far. */
  depth(): number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const FNV_PRIME = 0x01000193;
/**
 * Characters of a text that are looked at one by one. A label's or annotation's name has at most 317; each longer name counts
 * as a new one, so that it need not be told apart.
 */
const MAX_HASHED = 400;
/** Keeps a hash within V8's small integers, which need no memory of their own. */
const HASH_MASK = 0x3fffffff;
/** Names are told apart by 16 bits of a hash; two of 20,000 names are taken for one in seven, which the bound allows for. */
const HASH_BITS = 16;

/**
 * A meter for one text.
 *
 * @param seed any 30 bits that a sender cannot know, so that no one can make up names that share their hash
 */
export function jsonMeter(bounds: JsonBounds, seed: number): JsonMeter {
  // What is not bounded need not be told apart.
  const seen = new Uint8Array(bounds.names === Number.POSITIVE_INFINITY ? 0 : 2 ** (HASH_BITS - 3));
  const state = {
    depth: 0,
    deepest: 0,
    values: 0,
    names: 0,
    hash: 0,
    inString: false,
    escaped: false,
    length: 0,
  };
  return {
    add: (piece) => {
      count(piece, state, seen, seed & HASH_MASK);
      if (state.values > bounds.values) return 'values';
      return state.names > bounds.names ? 'names' : undefined;
    },
    values: () => state.values,
    names: () => state.names,
    depth: () => state.deepest,
  };
}

/**
 * Whether a text of JSON, parsed, holds at most so many values, nested so deep at most. Looking takes some milliseconds a MiB;
 * parsing as much of `[[[[` or `{},{},` and looking at each takes half a second. Of what is no JSON it says anything.
 */
export function isModestJson(
  text: string,
  most: { readonly values: number; readonly depth: number },
): boolean {
  // The whole is a value, too, before which neither stands.
  const meter = jsonMeter({ values: most.values - 1, names: Number.POSITIVE_INFINITY }, 0);
  return meter.add(Buffer.from(text)) === undefined && meter.depth() <= most.depth;
}

interface MeterState {
  depth: number;
  deepest: number;
  values: number;
  names: number;
  /** Of the string that is being read, or was read last. */
  hash: number;
  inString: boolean;
  escaped: boolean;
  /** Of that string, up to {@link MAX_HASHED}. */
  length: number;
}

/** One loop over local variables: with a function a string, or its state in an object, it takes four times as long. */
function count(piece: Uint8Array, state: MeterState, seen: Uint8Array, seed: number): void {
  let { depth, deepest, values, names, hash, inString, escaped, length } = state;
  for (let at = 0; at < piece.length; at++) {
    const byte = piece[at] ?? 0;
    if (inString) {
      if (escaped) escaped = false;
      else if (byte === QUOTE) {
        inString = false;
        continue;
      } else if (byte === BACKSLASH) escaped = true;
      hash = Math.imul(hash ^ byte, FNV_PRIME) & HASH_MASK;
      if (++length < MAX_HASHED) continue;
      // What is left of a long text: only its end is looked for.
      at = closingQuote(piece, at + (escaped ? 2 : 1));
      escaped = at > piece.length;
      inString = at >= piece.length;
      continue;
    }
    switch (byte) {
      case QUOTE:
        inString = true;
        hash = seed;
        length = 0;
        break;
      case COLON:
        if (length >= MAX_HASHED || isNew(hash, seen)) names++;
        break;
      case COMMA:
        values++;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        values++;
        if (++depth > deepest) deepest = depth;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth--;
        break;
    }
  }
  Object.assign(state, { depth, deepest, values, names, hash, inString, escaped, length });
}

function isNew(hash: number, seen: Uint8Array): boolean {
  const bucket = (hash ^ (hash >>> HASH_BITS)) & (2 ** HASH_BITS - 1);
  const bit = 1 << (bucket & 7);
  const byte = seen[bucket >>> 3] ?? 0;
  seen[bucket >>> 3] = byte | bit;
  return (byte & bit) === 0;
}
