import { FIELD_NAME } from '../../lib/http-field.ts';

const FRAMING = new Set(['transfer-encoding', 'content-length', 'trailer']);

/**
 * Whether these may be announced: valid names, but not headers that say how to read a message (Go's net/http:
 * fixTrailer).
 */
export function areTrailers(announced: string | undefined): boolean {
  if (announced === undefined) return true;
  const names = announced.split(',').map((name) => name.trim().toLowerCase());
  return names.every((name) => name === '' || (FIELD_NAME.test(name) && !FRAMING.has(name)));
}
