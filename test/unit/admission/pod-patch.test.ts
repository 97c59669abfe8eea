import { describe, expect, it } from '@jest/globals';
import jsonPatch from 'fast-json-patch';
import { array, assert, json, oneof, property, record } from 'fast-check';
import type { JsonValue } from '../../../src/lib/json.ts';
import { patchBetween } from '../../../src/admission/pod-patch.decide.ts';

function fail(): never {
  throw new Error('it was looked into');
}

const documents = record({ same: json(), was: json(), is: json() }).map(({ same, was, is }) => {
  const shared = JSON.parse(same) as JsonValue;
  const wrap = (own: string): object => ({ shared, 'a/b~c': JSON.parse(own) as JsonValue, [own]: 1 });
  return [wrap(was), wrap(is)] as const;
});
const lists = record({ was: array(json()), is: array(json()) }).map(
  ({ was, is }) => [{ list: was }, { list: is }] as const,
);

describe('the patch between two documents', () => {
  it('equals that of fast-json-patch, operation by operation', () => {
    assert(
      property(oneof(documents, lists), ([before, after]) => {
        expect(patchBetween(before, after)).toEqual(jsonPatch.compare(before, after));
      }),
    );
  });

  it('does not read what both share, and does not copy what is added', () => {
    const shared = new Proxy({}, { ownKeys: () => fail() });
    const added = { a: 1 };
    const [operation, ...others] = patchBetween({ shared }, { shared, added });
    expect(others).toEqual([]);
    expect((operation as { value: unknown }).value).toBe(added);
  });

  it('replaces a list when very many of its entries differ', () => {
    const list = (value: number): object => ({
      list: Array.from({ length: 500 }, (_, at) => ({ at, value })),
    });
    const [before, after] = [list(1), list(2)];
    const patch = patchBetween(before, after);
    expect(patch).toHaveLength(1);
    expect(jsonPatch.applyPatch(structuredClone(before), patch).newDocument).toEqual(after);
  });
});
