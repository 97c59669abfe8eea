import { MAX_HEAD_BYTES } from './proxied-request.decide.ts';
import { endToEndHeaders, headerValues, type RawHeaders } from './hop-by-hop.decide.ts';

/**
 * How Node reads the answers of components and model servers. Chunks win over a length beside them (RFC 9112 section
 * 6.3), which only its lenient parser accepts. The other faults that it accepts come from the pod's own containers, and
 * Node's checks on answers that it sends stop them.
 */
export const READ_ANSWERS = { insecureHTTPParser: true, maxHeaderSize: MAX_HEAD_BYTES } as const;

/** The head of an answer as the component sent it. */
interface AnswerHead {
  readonly status: number;
  readonly versionMinor: number;
  readonly headers: RawHeaders;
}

/**
 * An answer's headers as they go to the client. Undefined if the end of its body is ambiguous: a transfer coding other
 * than `chunked` alone, or one in HTTP/1.0. An answer with both a Transfer-Encoding and a Content-Length is read by the
 * former and passed on without the latter, which may be wrong: RFC 9112 section 6.3. 204 has neither: RFC 9110 section
 * 8.6.
 * @param inChunks whether it is sent in chunks
 */
export function passedAnswer(
  { status, versionMinor, headers }: AnswerHead,
  inChunks: boolean,
): string[] | undefined {
  const codings = headerValues(headers, 'transfer-encoding');
  if (codings.length === 0) return endToEndHeaders(headers, inChunks, status === 204 ? 'content-length' : '');
  if (versionMinor === 0 || codings.length > 1 || codings[0]?.trim().toLowerCase() !== 'chunked')
    return undefined;
  return endToEndHeaders(headers, inChunks, 'content-length');
}
