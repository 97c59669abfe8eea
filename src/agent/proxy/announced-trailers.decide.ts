import { FIELD_NAME } from '../../lib/http-field.ts';

const FRAMING = new Set(['transfer-encoding', 'content-length', 'trailer']);

/** Whether these may be announced: names, but of no header by which a message is read (Go's net/http: fixTrailer). */
export function areTrailers(announced: string | undefined): boolean {
  if (announced === undefined) return true;
  const names = announced.split(',').map((name) => name.trim().toLowerCase());
  return names.every((name) => name === '' || (FIELD_NAME.test(name) && !FRAMING.has(name)));
}
