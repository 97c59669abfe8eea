import type { Operation } from 'fast-json-patch';

/**
 * The patch (RFC 6902) from one JSON document to another: the operations of fast-json-patch's `compare`, in its order.
 * Shared parts are neither compared nor copied, and additions are not copied: `compare` serializes and parses all
 * additions, which for a large pod takes longer than the rest of its review.
 */
export function patchBetween(before: object, after: object): Operation[] {
  const operations: Operation[] = [];
  compare(before as Fields, after as Fields, '', operations);
  return operations;
}

/** A list with more changed entries is replaced as a whole: a patch of each entry would be many times as long. */
const MAX_DIFFERENCES = 100;

type Fields = Record<string, unknown>;

function compare(before: Fields, after: Fields, path: string, operations: Operation[]): void {
  if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, operations);
  else compareFields(before, after, path, operations);
}

/** Compares by index. Keys for a list of sixty thousand entries would take longer than everything else. */
function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  operations: Operation[],
): void {
  for (let at = before.length - 1; at >= 0; at--) {
    if (at >= after.length) operations.push({ op: 'remove', path: `${path}/${at}` });
    else if (before[at] !== after[at]) change(before[at], after[at], `${path}/${at}`, operations);
  }
  for (let at = before.length; at < after.length; at++)
    operations.push({ op: 'add', path: `${path}/${at}`, value: after[at] });
}

function compareFields(before: Fields, after: Fields, path: string, operations: Operation[]): void {
  const [oldKeys, newKeys] = [Object.keys(before), Object.keys(after)];
  let removed = false;
  for (const key of oldKeys.reverse()) {
    if (!isThere(after, key)) {
      operations.push({ op: 'remove', path: pathOf(path, key) });
      removed = true;
    } else if (before[key] !== after[key]) change(before[key], after[key], pathOf(path, key), operations);
  }
  if (!removed && newKeys.length === oldKeys.length) return;
  for (const key of newKeys) {
    if (Object.hasOwn(before, key) || !isThere(after, key)) continue;
    operations.push({ op: 'add', path: pathOf(path, key), value: after[key] });
  }
}

/** Replaces the value at a path. */
function change(was: unknown, is: unknown, path: string, operations: Operation[]): void {
  const alike = isContainer(was) && isContainer(is) && Array.isArray(was) === Array.isArray(is);
  if (alike && !differsMuch(was, is)) compare(was, is, path, operations);
  else operations.push({ op: 'replace', path, value: is });
}

function differsMuch(was: Fields, is: Fields): boolean {
  if (!Array.isArray(was) || !Array.isArray(is)) return false;
  let differences = 0;
  for (let at = 0; at < was.length && differences <= MAX_DIFFERENCES; at++)
    if (was[at] !== is[at]) differences++;
  return differences > MAX_DIFFERENCES;
}

function isThere(fields: Fields, key: string): boolean {
  return Object.hasOwn(fields, key) && fields[key] !== undefined;
}

function isContainer(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

/** RFC 6901. */
function pathOf(path: string, key: string): string {
  return `${path}/${/[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key}`;
}
