/** Headers that belong to one connection and are never forwarded: RFC 9110 section 7.6.1, RFC 9112, and habit. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Headers as they came, name and value in turn: order, case and repetition are kept. */
export type RawHeaders = readonly string[];

/**
 * What is left of a message's headers once those of its own connection are taken off, those that its Connection header
 * lists among them; and the one that announces trailers where it does not go on in chunks, which alone have them.
 */
export function endToEndHeaders(raw: RawHeaders, inChunks = true): string[] {
  const listed = connectionTokens(raw);
  const kept: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || listed.has(lower) || (lower === 'trailer' && !inChunks)) continue;
    kept.push(name, raw[index + 1] ?? '');
  }
  return kept;
}

/** Content-Length and Host stay even when a client lists them: dropping them would change what the message is. */
const NEVER_DROPPED = new Set(['content-length', 'host']);

function connectionTokens(raw: RawHeaders): ReadonlySet<string> {
  const tokens = new Set<string>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() !== 'connection') continue;
    for (const token of (raw[index + 1] ?? '').split(',')) tokens.add(token.trim().toLowerCase());
  }
  for (const name of NEVER_DROPPED) tokens.delete(name);
  return tokens;
}

/** The first value of a header, by its lower-case name. */
export function headerValue(raw: RawHeaders, lowerName: string): string | undefined {
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() === lowerName) return raw[index + 1];
  }
  return undefined;
}
