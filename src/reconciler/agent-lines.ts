import type { Clock } from '../core/clock.ts';
import { MmsError } from '../core/errors.ts';
import { createLineSplitter } from '../kube/line-splitter.ts';

/** An agent's stream is not as docs/agent-status.md says; the connection is ended and tried again later. */
export class StreamFaultError extends MmsError {
  readonly code = 'AGENT_STREAM_FAULT';
  readonly retryable = true;
}

/** Bytes of one line: a snapshot of more models than one ConfigMap can hold. */
export const MAX_LINE = 8 * 1024 * 1024;
/** Lines and bytes in one second: many times what an agent sends when all of its models change at once. */
const MAX_LINES_A_SECOND = 20_000;
const MAX_BYTES_A_SECOND = 2 * MAX_LINE;

/**
 * The lines of a stream, chunk by chunk.
 *
 * @throws {StreamFaultError} for a line that is too long, and for more than anybody honest sends
 */
export async function* readLines(
  bytes: AsyncIterable<Uint8Array>,
  clock: Clock,
  maxLine: number,
): AsyncGenerator<readonly string[], void, undefined> {
  const splitter = createLineSplitter();
  let pending = 0;
  let second = { from: clock.monotonic(), lines: 0, bytes: 0 };
  for await (const chunk of bytes) {
    const lines = splitter.push(chunk);
    pending = lines.length === 0 ? pending + chunk.length : chunk.length;
    if (pending > maxLine) throw new StreamFaultError(`a line of more than ${maxLine} bytes`);
    const now = clock.monotonic();
    if (now - second.from >= 1000) second = { from: now, lines: 0, bytes: 0 };
    second.lines += lines.length;
    second.bytes += chunk.length;
    if (second.lines > MAX_LINES_A_SECOND || second.bytes > MAX_BYTES_A_SECOND) {
      throw new StreamFaultError('it sends more than can be read');
    }
    yield lines;
  }
}
