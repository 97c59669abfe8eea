/** An HTTP/1.1 request or response at the beginning of a buffer. */
export interface HttpMessage {
  /** `HTTP/1.1 200 OK` or `GET /path HTTP/1.1`. */
  readonly startLine: string;
  /** Where the next one begins. */
  readonly end: number;
}

const HEAD_END = '\r\n\r\n';

/**
 * Finds the end of a message without decoding it, since whoever measures must cost little: Node's own client takes more of a
 * core than the agent it would measure. Knows Content-Length and chunked bodies; undefined until the message is whole.
 */
export function readMessage(buffer: Buffer): HttpMessage | undefined {
  const headEnd = buffer.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = buffer.toString('latin1', 0, headEnd);
  const startLine = head.slice(0, Math.max(head.indexOf('\r\n'), 0) || undefined);
  const end = bodyEnd(buffer, head, headEnd + HEAD_END.length);
  return end === undefined ? undefined : { startLine, end };
}

function bodyEnd(buffer: Buffer, head: string, start: number): number | undefined {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) {
    const end = start + Number(length);
    return buffer.length >= end ? end : undefined;
  }
  return /\r\ntransfer-encoding: *chunked/i.test(head) ? chunksEnd(buffer, start) : start;
}

function chunksEnd(buffer: Buffer, start: number): number | undefined {
  for (let at = start; ;) {
    const lineEnd = buffer.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(buffer.toString('latin1', at, lineEnd), 16);
    // The last chunk is empty; nobody here sends trailers.
    at = lineEnd + 2 + size + 2;
    if (at > buffer.length) return undefined;
    if (size === 0) return at;
  }
}
