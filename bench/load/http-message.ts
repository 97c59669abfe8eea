/** An HTTP/1.1 request or response at the start of a buffer. */
export interface HttpMessage {
  /** `HTTP/1.1 200 OK` or `GET /path HTTP/1.1`. */
  readonly startLine: string;
  /** The start of the next message. */
  readonly end: number;
}

const HEAD_END = '\r\n\r\n';

/**
 * Finds the end of a message without decoding it, because a load generator must be cheap: Node's own client uses more
 * of a core than the measured agent. Supports Content-Length and chunked bodies; undefined until the message is
 * complete.
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
    // The last chunk is empty. The benchmarks send no trailers.
    at = lineEnd + 2 + size + 2;
    if (at > buffer.length) return undefined;
    if (size === 0) return at;
  }
}
