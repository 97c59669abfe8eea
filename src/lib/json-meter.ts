import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-bytes.ts';
import { closingQuote } from './json-parts.ts';

/** What a JSON text may hold. V8 spends time and memory on each of these, whatever the length of the text. */
export interface JsonBounds {
  /**
   * Commas and opening brackets together. An element of a list or an object counts once, and once more if it is a list
   * or an object itself.
   */
  readonly values: number;
  /** Distinct member names in the whole text: each becomes a string, and often an object layout, of its own. */
  readonly names: number;
}

export type JsonExcess = keyof JsonBounds;

/** Counts the contents of a JSON text before it is parsed. It reads bytes, stores none, and does not recurse. */
export interface JsonMeter {
  /** The next piece of the text. Returns the bound that was passed, if any. */
  add(piece: Uint8Array): JsonExcess | undefined;
  /** Commas and opening brackets so far. */
  values(): number;
  /** Distinct member names so far. */
  names(): number;
  /** The deepest nesting so far. */
  depth(): number;
}

const FNV_PRIME = 0x01000193;
/**
 * The number of characters of a text that are hashed. The name of a label or annotation has at most 317. Each longer
 * name counts as a new one, so it need not be compared.
 */
const MAX_HASHED = 400;
/** Keeps a hash within V8's small integers, which need no memory of their own. */
const HASH_MASK = 0x3fffffff;
/** Names are distinguished by 16 bits of a hash. Of 20,000 names one in seven collides, which the bound allows for. */
const HASH_BITS = 16;

/**
 * A meter for one text.
 *
 * @param seed any 30 bits that a sender cannot know, so that no one can construct names that share their hash
 */
export function jsonMeter(bounds: JsonBounds, seed: number): JsonMeter {
  // Without a bound, names need not be distinguished.
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

/** The same bounds for a text of so many bytes: with its quotes and its colon, a name takes three. */
export function boundsWithin(bounds: JsonBounds, bytes: number): JsonBounds {
  return bytes <= 3 * bounds.names ? { ...bounds, names: Number.POSITIVE_INFINITY } : bounds;
}

/**
 * Whether a JSON text, when parsed, holds at most this many values at most this deep. The check takes some milliseconds
 * a MiB. Parsing as much of `[[[[` or `{},{},` and walking it takes half a second. For text that is not JSON the result
 * is arbitrary.
 */
export function isModestJson(
  text: string,
  most: { readonly values: number; readonly depth: number },
): boolean {
  // The top value counts too, and has neither a comma nor a bracket before it.
  const meter = jsonMeter({ values: most.values - 1, names: Number.POSITIVE_INFINITY }, 0);
  return meter.add(Buffer.from(text)) === undefined && meter.depth() <= most.depth;
}

interface MeterState {
  depth: number;
  deepest: number;
  values: number;
  names: number;
  /** The length of the current or last string. */
  hash: number;
  inString: boolean;
  escaped: boolean;
  /** The length hashed of that string, up to {@link MAX_HASHED}. */
  length: number;
}

/**
 * One loop over local variables: with a function per string, or its state in an object, it takes four times as long.
 */
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
      // The rest of a long text: only its end is searched for.
      at = closingQuote(piece, at + (escaped ? 2 : 1));
      escaped = at > piece.length;
      inString = at >= piece.length;
      continue;
    }
    switch (byte) {
      case QUOTE:
        inString = true;
        hash = seed;
        // Without a bound on names, no text is hashed.
        length = seen.length === 0 ? MAX_HASHED : 0;
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
