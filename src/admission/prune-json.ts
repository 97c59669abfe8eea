const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NULL = Buffer.from('null');

/**
 * The JSON text with every object and array below `limit` levels replaced by null, or undefined when nothing is that
 * deep. It works on bytes and does not recurse: V8's JSON.parse accepts any depth at some 40 bytes a level, and
 * JSON.stringify, structuredClone and diffing overflow the stack on the result.
 */
export function pruneDeepJson(json: Buffer, limit: number): Buffer | undefined {
  const kept: Buffer[] = [];
  let keptUntil = 0;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case QUOTE:
        at = endOfString(json, at + 1);
        break;
      case 0x7b: // {
      case 0x5b: // [
        depth++;
        if (depth === limit + 1) kept.push(json.subarray(keptUntil, at), NULL);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        if (depth === limit + 1) keptUntil = at + 1;
        depth--;
        break;
    }
  }
  if (kept.length === 0) return undefined;
  // Still too deep at the end: the text is truncated, and stays invalid JSON.
  return Buffer.concat(depth > limit ? kept : [...kept, json.subarray(keptUntil)]);
}

/** The index of the quote that ends the string whose content starts at `at`. */
function endOfString(json: Buffer, at: number): number {
  while (at < json.length && json[at] !== QUOTE) at += json[at] === BACKSLASH ? 2 : 1;
  return at;
}
