import { FIELD_NAME, FIELD_VALUE } from '../../lib/http-field.ts';
import type { PassedRequest } from './proxied-request.decide.ts';

const TARGET = /^[\x21-\xff]+$/;

/**
 * The head of a request to send, one character a byte. Undefined if it has characters that are invalid in a head: the
 * ones that Node's client refuses.
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
