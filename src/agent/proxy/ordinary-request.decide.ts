import { FIELD_NAME, FIELD_VALUE } from '../../lib/http-field.ts';
import type { RawHeaders } from './hop-by-hop.decide.ts';

/** The head of a request of HTTP/1.1 that says by one length, or by none, where its body ends. */
export interface OrdinaryRequest {
  readonly method: string;
  readonly target: string;
  /** Name and value in turn, as they came. */
  readonly headers: RawHeaders;
  /** Where in the bytes that were read the body begins. */
  readonly bodyAt: number;
  /** How many bytes it has. */
  readonly length: number;
}

/** Longer heads are rare, and cost time. */
const MOST_BYTES = 16 * 1024;
/** Without HEAD, whose answer has a length and no body; a target with a fragment is none. */
const REQUEST_LINE = /^(GET|POST|PUT|PATCH|DELETE|OPTIONS) (\/[\x21\x22\x24-\x7e]*) HTTP\/1\.1$/;
/** One way to write each number. */
const LENGTH = /^(?:0|[1-9]\d{0,14})$/;

/**
 * Reads the head of a request where only one reading is possible: HTTP/1.1, whole, every line as RFC 9112 has it, one length
 * at most, and nothing about transfer codings, other protocols, the end of the connection, or leave to send the body.
 * Kubelet's probes are none either. Undefined for any other, be it right or wrong, which Node's parser is to judge.
 * @param read what came first, a byte a character
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

/** Whether a header is for Node's server, or for the agent itself. */
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

/** What a line has from there on, without the blanks of HTTP around it: RFC 9110 section 5.6.3. */
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
