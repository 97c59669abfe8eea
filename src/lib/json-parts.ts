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

/** A member of an object, or an element of a list, as raw bytes. */
interface JsonPart {
  /** Undefined for an element. */
  readonly name: string | undefined;
  readonly value: Buffer;
}

const SPACE = 0x20;

/** The kind of a JSON text, judged by its first byte. */
export function jsonKind(text: Buffer): 'object' | 'list' | 'other' {
  const first = text[afterSpace(text, 0)];
  if (first === OPEN_BRACE) return 'object';
  return first === OPEN_BRACKET ? 'list' : 'other';
}

/**
 * The members of a JSON object, or the elements of a list, one by one, so that each can be parsed separately. It finds
 * only where they end: whether a value is JSON is found out by parsing it.
 *
 * @throws {SyntaxError} if the text is neither, or its structure is invalid
 */
export function* jsonParts(text: Buffer): Generator<JsonPart, void, undefined> {
  const open = afterSpace(text, 0);
  const named = text[open] === OPEN_BRACE;
  if (!named && text[open] !== OPEN_BRACKET) throw unexpected(text, open);
  const close = named ? CLOSE_BRACE : CLOSE_BRACKET;
  let at = afterSpace(text, open + 1);
  if (text[at] === close) return;
  for (;;) {
    let name: string | undefined;
    if (named) {
      const end = endOfValue(text, at);
      name = JSON.parse(text.toString('utf8', at, end)) as string;
      const colon = afterSpace(text, end);
      if (text[colon] !== COLON) throw unexpected(text, colon);
      at = afterSpace(text, colon + 1);
    }
    const end = endOfValue(text, at);
    yield { name, value: text.subarray(at, end) };
    at = afterSpace(text, end);
    if (text[at] === close) return;
    if (text[at] !== COMMA) throw unexpected(text, at);
    at = afterSpace(text, at + 1);
  }
}

function afterSpace(text: Buffer, from: number): number {
  let at = from;
  while (at < text.length && (text[at] ?? 0) <= SPACE) at += 1;
  return at;
}

/** Does not recurse, however deep the value is nested. */
function endOfValue(text: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    switch (text[at]) {
      case QUOTE:
        at = closingQuote(text, at + 1);
        if (depth === 0 && at < text.length) return at + 1;
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        // The end of the enclosing value, or of the value itself.
        if (depth <= 0) return depth < 0 ? at : at + 1;
        break;
      case COMMA:
        if (depth === 0) return at;
        break;
    }
  }
  throw unexpected(text, text.length);
}

/** How far to scan a text byte by byte before searching for its end. A search costs more to begin and less a byte. */
const NEAR = 128;

/**
 * Where a string without a pending escape at `from` ends: the index of its closing quote. If the text ends before that:
 * the length of the text, plus one if its last byte escapes the next one.
 */
export function closingQuote(text: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    const near = Math.min(text.length, at + NEAR);
    while (at < near) {
      const byte = text[at];
      if (byte === QUOTE) return at;
      at += byte === BACKSLASH ? 2 : 1;
    }
    if (at >= text.length) return at;
    const quote = text.indexOf(QUOTE, at);
    const end = quote < 0 ? text.length : quote;
    const isEscaped = backslashesBefore(text, end, at) % 2 === 1;
    if (quote < 0) return isEscaped ? end + 1 : end;
    if (!isEscaped) return quote;
    at = quote + 1;
  }
}

function backslashesBefore(text: Uint8Array, end: number, least: number): number {
  let at = end;
  while (at > least && text[at - 1] === BACKSLASH) at -= 1;
  return end - at;
}

function unexpected(text: Buffer, at: number): SyntaxError {
  const what = at < text.length ? `byte ${text[at] ?? 0}` : 'the end';
  return new SyntaxError(`unexpected ${what} of the JSON text at ${at}`);
}
