/** Splits a byte stream into lines without ever decoding half a character. */
interface LineSplitter {
  /** The lines that this chunk completes, without their line ends. Empty lines are omitted. */
  push(chunk: Uint8Array): string[];
  /** What came after the last line end. Empty if the stream ended properly. */
  rest(): string;
}

const LINE_FEED = 0x0a;

/**
 * Works on bytes: a UTF-8 character may be split over two chunks but never contains the byte of a line feed. The chunks
 * of a long line are joined when it is complete, so that a line of n bytes costs O(n) however small the chunks are.
 */
export function createLineSplitter(): LineSplitter {
  let pending: Uint8Array[] = [];

  function take(last: Uint8Array): string {
    pending.push(last);
    const line = Buffer.concat(pending).toString('utf8');
    pending = [];
    return line;
  }

  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (;;) {
        const end = chunk.indexOf(LINE_FEED, start);
        if (end < 0) break;
        const line = take(chunk.subarray(start, end)).trim();
        if (line !== '') lines.push(line);
        start = end + 1;
      }
      if (start < chunk.length) pending.push(chunk.subarray(start));
      return lines;
    },
    rest() {
      return Buffer.concat(pending).toString('utf8').trim();
    },
  };
}
