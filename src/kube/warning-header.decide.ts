/** `299 - "text"`, as the API server writes each of them: https://www.rfc-editor.org/rfc/rfc7234#section-5.5 */
const WARNING = /\b299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** The texts in the values of the header `Warning`, in order. */
export function warningsIn(header: string | readonly string[] | undefined): string[] {
  if (header === undefined) return [];
  return [header]
    .flat()
    .flatMap((value) => [...value.matchAll(WARNING)])
    .map(([, quoted = '']) => quoted.replace(/\\(.)/g, '$1'));
}
