/** Also true for errors of another realm, where `instanceof Error` is false. `Error.isError` needs Node 24. */
export function isError(thrown: unknown): thrown is Error {
  return typeof thrown === 'object' && thrown !== null && 'message' in thrown && 'stack' in thrown;
}
