/** Headers that belong to one connection and are never forwarded: RFC 9110 section 7.6.1, RFC 9112, and convention. */
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

/** Headers as received, name and value in turn: order, case and repetition are kept. */
export type RawHeaders = readonly string[];

/** Whether a header, by its lower-case name, always belongs to one connection. */
export function endsAtConnection(lowerName: string): boolean {
  return HOP_BY_HOP.has(lowerName);
}

/**
 * The headers of a message without those of its own connection, which includes those listed in its Connection header.
 * The announcement of trailers is also removed if the message is not sent in chunks, which alone have trailers.
 * @param but the lower-case name of one more header to remove
 */
export function endToEndHeaders(raw: RawHeaders, inChunks = true, but?: string): string[] {
  const listed = connectionTokens(headerValues(raw, 'connection'));
  const kept: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || listed.has(lower) || lower === but) continue;
    if (lower === 'trailer' && !inChunks) continue;
    kept.push(name, raw[index + 1] ?? '');
  }
  return kept;
}

/** Content-Length and Host stay even if a message lists them: without them the message would mean something else. */
const NEVER_DROPPED = new Set(['content-length', 'host']);

/** The lower-case names listed in Connection headers, except those that stay. */
export function connectionTokens(values: readonly string[]): ReadonlySet<string> {
  const tokens = new Set<string>();
  for (const value of values) {
    for (const token of value.split(',')) tokens.add(token.trim().toLowerCase());
  }
  for (const name of NEVER_DROPPED) tokens.delete(name);
  return tokens;
}

/** Every value of a header, by its lower-case name. */
export function headerValues(raw: RawHeaders, lowerName: string): string[] {
  const values: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() === lowerName) values.push(raw[index + 1] ?? '');
  }
  return values;
}

/** Removes every header with that lower-case name. */
export function dropAll(headers: string[], lowerName: string): void {
  for (let index = headers.length - 2; index >= 0; index -= 2) {
    if (headers[index]?.toLowerCase() === lowerName) headers.splice(index, 2);
  }
}
