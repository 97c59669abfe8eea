import { MAX_HEAD_BYTES } from './proxied-request.decide.ts';
import { endToEndHeaders, headerValues, type RawHeaders } from './hop-by-hop.decide.ts';

/**
 * How Node is to read what components and model servers answer. Chunks win over a length beside them (RFC 9112 section 6.3),
 * which only its lenient parser reads. What else that one lets through is of the pod's own containers, and is held back by what
 * Node sends as an answer.
 */
export const READ_ANSWERS = { insecureHTTPParser: true, maxHeaderSize: MAX_HEAD_BYTES } as const;

/** The head of an answer as the component sent it. */
interface AnswerHead {
  readonly status: number;
  readonly versionMinor: number;
  readonly headers: RawHeaders;
}

/**
 * An answer's headers as they go on to the client; undefined where its body cannot be told from what follows it: a transfer
 * coding that is not `chunked` alone, or one in HTTP/1.0. An answer with both a Transfer-Encoding and a Content-Length is
 * read by the former and goes on without the latter, which may lie: RFC 9112 section 6.3. 204 has neither: RFC 9110 section 8.6.
 * @param inChunks whether it goes on in chunks
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
