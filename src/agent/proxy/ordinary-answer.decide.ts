import { FIELD_NAME, FIELD_VALUE } from '../../lib/http-field.ts';
import { withoutBlanks } from './ordinary-request.decide.ts';

/** The head of an answer with exactly one length for its body, on a connection that stays open. */
export interface OrdinaryAnswer {
  readonly status: number;
  readonly reason: string;
  /** Name and value in turn, as received. */
  readonly headers: readonly string[];
  /** Where the body begins in the bytes that were read. */
  readonly bodyAt: number;
  /** How many bytes it has. */
  readonly length: number;
  /** For how many seconds the component keeps the connection, if it says so. */
  readonly keptFor: number | undefined;
}

/** Longer heads are rare, and cost time. */
const MOST_BYTES = 16 * 1024;
/** Without the statuses that have no body: RFC 9110 section 15. */
const STATUS_LINE = /^HTTP\/1\.1 ((?!204|304)[2-5]\d\d) ([\t\x20-\x7e]*)$/;
const LENGTH = /^\d{1,15}$/;

/**
 * Parses the head of an answer if it has only one possible reading: HTTP/1.1, complete, every line as in RFC 9112, one
 * length, and nothing about transfer codings, other protocols or the end of the connection. Undefined for any other
 * head, valid or not: Node's parser decides then.
 * @param read the first bytes, one character a byte
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
