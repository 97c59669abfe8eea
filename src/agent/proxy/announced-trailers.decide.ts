/** What the name of a header may have: RFC 9110 section 5.6.2. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const FRAMING = new Set(['transfer-encoding', 'content-length', 'trailer']);

/** Whether these may be announced: names, but of no header by which a message is read (Go's net/http: fixTrailer). */
export function areTrailers(announced: string | undefined): boolean {
  if (announced === undefined) return true;
  const names = announced.split(',').map((name) => name.trim().toLowerCase());
  return names.every((name) => name === '' || (TOKEN.test(name) && !FRAMING.has(name)));
}
