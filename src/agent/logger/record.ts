import type { EpochMs } from '../../lib/clock.ts';
import { canonicalHeader, goJson } from './go-text.ts';

/** One request or response to log. */
export interface LogRecord {
  /** The same for a request and its response. */
  readonly id: string;
  readonly kind: 'request' | 'response';
  /** The request's, also in responses, as in KServe. Empty if it had none. */
  readonly contentType: string;
  /** Header names, in Go's canonical form, with their values. */
  readonly metadata: ReadonlyMap<string, readonly string[]>;
  readonly body: Buffer;
  /** The length of the body before it was cut. Undefined if it is whole. */
  readonly cutFrom: number | undefined;
  readonly time: EpochMs;
}

/** What the head of a request sets in its records. */
export interface RecordHead {
  readonly id: string;
  readonly contentType: string;
  readonly metadata: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads a head as KServe's logger does.
 * @param raw names and values in turn, one character a byte
 * @param wanted names in Go's canonical form
 * @param newId makes an id for a request without one
 */
export function recordHead(
  raw: readonly string[],
  wanted: ReadonlySet<string>,
  newId: () => string,
): RecordHead {
  let id: string | undefined;
  let contentType: string | undefined;
  const metadata = new Map<string, string[]>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    // Compare lengths first: each request has a dozen names.
    if (name.length === 5 && name.toLowerCase() === 'ce-id') id ??= value;
    else if (name.length === 12 && name.toLowerCase() === 'content-type') contentType ??= value;
    if (wanted.size === 0) continue;
    const canonical = canonicalHeader(name);
    if (!wanted.has(canonical) || NOT_AMONG_GO_HEADERS.has(name.toLowerCase())) continue;
    const values = metadata.get(canonical) ?? [];
    values.push(textOf(value));
    metadata.set(canonical, values);
  }
  return { id: id === undefined || id === '' ? newId() : id, contentType: contentType ?? '', metadata };
}

/** Go's server keeps these apart from the headers. Source: net/http, readRequest and readTransfer. */
const NOT_AMONG_GO_HEADERS = new Set(['host', 'transfer-encoding', 'trailer']);

/** Metadata as Go's encoding/json writes a map: by the bytes of its keys. */
export function metadataJson(metadata: ReadonlyMap<string, unknown>): string {
  const sorted = [...metadata].sort(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return goJson(Object.fromEntries(sorted));
}

/** Node gives headers one character a byte. In JSON they are text. */
function textOf(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8');
}
