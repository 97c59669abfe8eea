import { FIELD_NAME, FIELD_VALUE } from '../../lib/http-field.ts';
import type { PassedRequest } from './proxied-request.decide.ts';

const TARGET = /^[\x21-\xff]+$/;

/**
 * The head of a request as it is sent, a byte a character; undefined where it has what no head may have: the same characters
 * that Node's client does not send.
 */
export function requestHead(
  method: string,
  { target, headers }: Pick<PassedRequest, 'target' | 'headers'>,
): string | undefined {
  if (!TARGET.test(target)) return undefined;
  let head = `${method} ${target} HTTP/1.1\r\n`;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    if (!FIELD_NAME.test(name) || !FIELD_VALUE.test(value)) return undefined;
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}
