/** The result of a lookup: the value, or why it could not be read, for example a missing permission. */
export type Lookup<T> =
  { readonly kind: 'known'; readonly value: T } | { readonly kind: 'unreadable'; readonly why: string };

/** The value. Also undefined if it could not be read. */
export function valueOf<T>(fact: Lookup<T>): T | undefined {
  return fact.kind === 'known' ? fact.value : undefined;
}
