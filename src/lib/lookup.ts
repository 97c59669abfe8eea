/** Something that was looked up: as it was found, or why it could not be read, such as for the lack of a right. */
export type Lookup<T> =
  { readonly kind: 'known'; readonly value: T } | { readonly kind: 'unreadable'; readonly why: string };

/** The value; undefined also where it could not be read. */
export function valueOf<T>(fact: Lookup<T>): T | undefined {
  return fact.kind === 'known' ? fact.value : undefined;
}
