import { FIELD_NAME, FIELD_VALUE } from '../../lib/http-field.ts';
import { withoutBlanks } from './ordinary-request.decide.ts';

/** The head of an answer that says by one length where its body ends, and on a connection that goes on. */
export interface OrdinaryAnswer {
  readonly status: number;
  readonly reason: string;
  /** Name and value in turn, as they came. */
  readonly headers: readonly string[];
  /** Where in the bytes that were read the body begins. */
  readonly bodyAt: number;
  /** How many bytes it has. */
  readonly length: number;
  /** For how many seconds the component keeps the connection, where it says so. */
  readonly keptFor: number | undefined;
}

/** Longer heads are rare, and cost time. */
const MOST_BYTES = 16 * 1024;
/** Without those that have no body: RFC 9110 section 15. */
const STATUS_LINE = /^HTTP\/1\.1 ((?!204|304)[2-5]\d\d) ([\t\x20-\x7e]*)$/;
const LENGTH = /^\d{1,15}$/;

/**
 * Reads the head of an answer where only one reading is possible: HTTP/1.1, whole, every line as RFC 9112 has it, one length,
 * and nothing about transfer codings, other protocols or the end of the connection. Undefined for any other, be it right or
 * wrong, which Node's parser is to judge.
 * @param read what came first, a byte a character
 */
export function ordinaryAnswer(read: {
  indexOf(text: string): number;
  toString(encoding: 'latin1', start: number, end: number): string;
}): OrdinaryAnswer | undefined {
  const end = read.indexOf('\r\n\r\n');
  if (end < 0 || end > MOST_BYTES) return undefined;
  const [first = '', ...lines] = read.toString('latin1', 0, end).split('\r\n');
  const [, status, reason = ''] = STATUS_LINE.exec(first) ?? [];
  if (status === undefined) return undefined;
  const headers: string[] = [];
  let length: string | undefined;
  let keptFor: number | undefined;
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = withoutBlanks(line, colon + 1);
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) return undefined;
    switch (name.toLowerCase()) {
      case 'content-length':
        if (length !== undefined || !LENGTH.test(value)) return undefined;
        length = value;
        break;
      case 'connection':
        if (value.toLowerCase() !== 'keep-alive') return undefined;
        break;
      case 'keep-alive': {
        const [, seconds] = /\btimeout=(\d{1,9})\b/i.exec(value) ?? [];
        if (seconds !== undefined) keptFor = Number(seconds);
        break;
      }
      case 'transfer-encoding':
      case 'upgrade':
      case 'trailer':
        return undefined;
    }
    headers.push(name, value);
  }
  if (length === undefined) return undefined;
  return { status: Number(status), reason, headers, bodyAt: end + 4, length: Number(length), keptFor };
}
