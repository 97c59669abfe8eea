import { describe, expect, it } from '@jest/globals';
import { objectKey, type ConfigMap } from '../../../src/contract/kubernetes.ts';
import { createIndex } from '../../../src/kube/object-index.ts';
import { createObjectStore, type ObjectDelta } from '../../../src/kube/object-store.ts';

/** The uid and resourceVersion of the object, and the group for the index. */
function object(name: string, uid: string, resourceVersion: string, group?: string): ConfigMap {
  return {
    metadata: { namespace: 'ns', name, uid, resourceVersion },
    ...(group !== undefined && { data: { group } }),
  };
}

const reported = (deltas: readonly ObjectDelta<ConfigMap>[]): string[] =>
  deltas.map(
    (delta) =>
      `${delta.type} ${delta.object.metadata.uid ?? ''}@${delta.object.metadata.resourceVersion ?? ''}`,
  );

describe('the store of a cache', () => {
  it('is synced after the first complete list, and stays so', () => {
    const store = createObjectStore<ConfigMap>();
    expect(store.cache.synced).toBe(false);
    store.replaceAll([]);
    expect(store.cache.synced).toBe(true);
  });

  type Store = ReturnType<typeof createObjectStore<ConfigMap>>;
  it.each<[string, ConfigMap[], (store: Store) => ObjectDelta<ConfigMap>[], string[], string[]]>([
    ['a new object', [], (s) => s.put(object('a', 'u1', '5')), ['added u1@5'], ['u1@5']],
    [
      'a newer version',
      [object('a', 'u1', '5')],
      (s) => s.put(object('a', 'u1', '6')),
      ['updated u1@6'],
      ['u1@6'],
    ],
    ['an older version', [object('a', 'u1', '10')], (s) => s.put(object('a', 'u1', '9')), [], ['u1@10']],
    ['the same version again', [object('a', 'u1', '5')], (s) => s.put(object('a', 'u1', '5')), [], ['u1@5']],
    [
      'an opaque version',
      [object('a', 'u1', '5')],
      (s) => s.put(object('a', 'u1', 'opaque')),
      ['updated u1@opaque'],
      ['u1@opaque'],
    ],
    [
      'another object with the same name',
      [object('a', 'u1', '5')],
      (s) => s.put(object('a', 'u2', '7')),
      ['deleted u1@5', 'added u2@7'],
      ['u2@7'],
    ],
    [
      'a late event of an earlier object',
      [object('a', 'u2', '7')],
      (s) => s.put(object('a', 'u1', '6')),
      [],
      ['u2@7'],
    ],
    ['a deletion', [object('a', 'u1', '5')], (s) => s.remove(object('a', 'u1', '6')), ['deleted u1@6'], []],
    ['a deletion of a missing object', [], (s) => s.remove(object('a', 'u1', '6')), [], []],
    [
      'a late deletion of an earlier object',
      [object('a', 'u2', '7')],
      (s) => s.remove(object('a', 'u1', '6')),
      [],
      ['u2@7'],
    ],
    [
      'a list with every kind of change',
      [object('a', 'u1', '1'), object('b', 'u2', '2'), object('c', 'u3', '3'), object('d', 'u4', '4')],
      (s) =>
        s.replaceAll([
          object('a', 'u1', '1'),
          object('b', 'u2', '9'),
          object('d', 'u5', '8'),
          object('e', 'u6', '7'),
        ]),
      ['deleted u3@3', 'updated u2@9', 'deleted u4@4', 'added u5@8', 'added u6@7'],
      ['u1@1', 'u2@9', 'u5@8', 'u6@7'],
    ],
    [
      'a list from a restored backup, with older versions',
      [object('a', 'u1', '50'), object('b', 'u2', '60')],
      (s) => s.replaceAll([object('a', 'u1', '10')]),
      ['deleted u2@60', 'updated u1@10'],
      ['u1@10'],
    ],
  ])('%s', (_what, before, act, deltas, after) => {
    const store = createObjectStore<ConfigMap>();
    store.replaceAll(before);
    expect(reported(act(store))).toEqual(deltas);
    const left = [...store.cache.list()].map((o) => `${o.metadata.uid!}@${o.metadata.resourceVersion!}`);
    expect(left).toEqual(after);
  });

  it('accepts older versions after such a list', () => {
    const store = createObjectStore<ConfigMap>();
    store.replaceAll([object('a', 'u1', '50')]);
    store.replaceAll([object('a', 'u1', '10')]);
    expect(reported(store.put(object('a', 'u1', '11')))).toEqual(['updated u1@11']);
  });

  it('finds objects with names of JavaScript properties', () => {
    const store = createObjectStore<ConfigMap>();
    expect(store.cache.get(objectKey('ns', 'constructor'))).toBeUndefined();
    store.put(object('__proto__', 'u1', '1'));
    expect(store.cache.get(objectKey('ns', '__proto__'))?.metadata.uid).toBe('u1');
  });
});

describe('an index', () => {
  const byGroup = () => createIndex<ConfigMap>((o) => o.data?.['group']);
  const names = (objects: Iterable<ConfigMap>): string[] => [...objects].map((o) => o.metadata.name).sort();

  it('follows lists, changes and deletions', () => {
    const index = byGroup();
    const store = createObjectStore<ConfigMap>([index]);
    store.replaceAll([object('a', 'u1', '1', 'x'), object('b', 'u2', '1', 'x'), object('c', 'u3', '1')]);
    expect([names(index.group('x')), index.sizeOf('x')]).toEqual([['a', 'b'], 2]);
    store.put(object('a', 'u1', '2', 'y'));
    expect([names(index.group('x')), names(index.group('y'))]).toEqual([['b'], ['a']]);
    store.put(object('a', 'u1', '3'));
    store.remove(object('b', 'u2', '2', 'x'));
    expect([index.sizeOf('x'), index.sizeOf('y')]).toEqual([0, 0]);
    store.put(object('c', 'u3', '2', 'x'));
    store.replaceAll([object('d', 'u4', '3', 'x')]);
    expect(names(index.group('x'))).toEqual(['d']);
  });

  it('holds the current object, not the first one', () => {
    const index = byGroup();
    const store = createObjectStore<ConfigMap>([index]);
    store.put(object('a', 'u1', '1', 'x'));
    store.put(object('a', 'u1', '2', 'x'));
    expect([...index.group('x')].map((o) => o.metadata.resourceVersion)).toEqual(['2']);
  });

  it('accepts any name of a group and any object', () => {
    const index = createIndex<ConfigMap>((o) => o.data!['group']);
    const store = createObjectStore<ConfigMap>([index]);
    store.put(object('a', 'u1', '1'));
    store.put(object('b', 'u2', '1', '__proto__'));
    expect(index.sizeOf('__proto__')).toBe(1);
    expect(index.sizeOf('constructor')).toBe(0);
  });
});
