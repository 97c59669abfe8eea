import type { FindingCode } from './catalogue.decide.ts';

/** One Kubernetes object out of a file, as unknown as anything a person wrote. */
export interface AnalyzedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** The way to a field of an object: `['spec', 'containers', 0]`. */
export type FieldPath = readonly (string | number)[];

/** Something that a person should know of one place. */
export interface Finding<T> {
  readonly code: FindingCode;
  /** The object it is about. */
  readonly subject: T;
  /** The field; a field that is missing stands for the nearest one around it. */
  readonly path: FieldPath;
  /** One sentence for people, without secrets. */
  readonly message: string;
}

/** An object whose metadata can be relied on: a name, and a namespace if it has any. */
export interface Named<T, O> {
  readonly subject: T;
  readonly name: string;
  /** Undefined when the file leaves it to the person who applies it. */
  readonly namespace: string | undefined;
  readonly object: O;
}

/** The group of an apiVersion, empty for Kubernetes' own core. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

/** Whether two objects of the files may meet in one namespace. */
export function mayShareNamespace(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}
