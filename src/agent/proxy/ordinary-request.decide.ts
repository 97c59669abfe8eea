import { FIELD_NAME, FIELD_VALUE } from '../../lib/http-field.ts';
import type { RawHeaders } from './hop-by-hop.decide.ts';

/** The head of an HTTP/1.1 request with at most one length for its body. */
export interface OrdinaryRequest {
  readonly method: string;
  readonly target: string;
  /** Name and value in turn, as received. */
  readonly headers: RawHeaders;
  /** Where the body begins in the bytes that were read. */
  readonly bodyAt: number;
  /** How many bytes it has. */
  readonly length: number;
}

/** Longer heads are rare, and cost time. */
const MOST_BYTES = 16 * 1024;
/** Without HEAD, whose answer has a length and no body. A target with a fragment is invalid. */
const REQUEST_LINE = /^(GET|POST|PUT|PATCH|DELETE|OPTIONS) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/;
/** One way to write each number. */
const LENGTH = /^(?:0|[1-9]\d{0,14})$/;

/**
 * Parses the head of a request if it has only one possible reading: HTTP/1.1, complete, every line as in RFC 9112, one
 * length at most, and nothing about transfer codings, other protocols, the end of the connection, or leave to send the
 * body. Kubelet's probes are excluded too. Undefined for any other head, valid or not: Node's parser decides then.
 * @param read the first bytes, one character a byte
 */
export function ordinaryRequest(read: {
  indexOf(text: string): number;
  toString(encoding: 'latin1', start: number, end: number): string;
}): OrdinaryRequest | undefined {
  const end = read.indexOf('\r\n\r\n');
  if (end < 0 || end > MOST_BYTES) return undefined;
  const lines = read.toString('latin1', 0, end).split('\r\n');
  const [, method, target] = REQUEST_LINE.exec(lines[0] ?? '') ?? [];
  if (method === undefined || target === undefined) return undefined;
  const headers: string[] = [];
  let length: string | undefined;
  for (let index = 1; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = withoutBlanks(line, colon + 1);
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) return undefined;
    const lowerName = name.toLowerCase();
    if (lowerName === 'content-length') {
      if (length !== undefined || !LENGTH.test(value)) return undefined;
      length = value;
    } else if (isOdd(lowerName, value)) return undefined;
    headers.push(name, value);
  }
  return { method, target, headers, bodyAt: end + 4, length: Number(length ?? 0) };
}

/** Whether a header concerns Node's server, or the agent itself. */
function isOdd(lowerName: string, value: string): boolean {
  switch (lowerName) {
    case 'connection':
      return value.toLowerCase() !== 'keep-alive';
    case 'user-agent':
      return value.startsWith('kube-probe/');
    case 'transfer-encoding':
    case 'expect':
    case 'upgrade':
    case 'te':
    case 'trailer':
    case 'k-network-probe':
    case 'k-kubelet-probe':
      return true;
  }
  return false;
}

/** The rest of a line from there, without the HTTP blanks around it: RFC 9110 section 5.6.3. */
export function withoutBlanks(line: string, from: number): string {
  let [start, end] = [from, line.length];
  while (start < end && isBlank(line, start)) start += 1;
  while (end > start && isBlank(line, end - 1)) end -= 1;
  return line.slice(start, end);
}

function isBlank(line: string, at: number): boolean {
  const code = line.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}
