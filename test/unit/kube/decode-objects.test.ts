import { describe, expect, it } from '@jest/globals';
import { decodeObject, isIncomplete, listDecoder } from '../../../src/kube/decode-objects.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const KIB = 1024;
const metadata = { name: 'm', namespace: 'n', uid: 'u', resourceVersion: '7', labels: { a: 'b' } };
const list = <T>(count: number, each: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => each(index));
const many = list(200_000, () => ({}));
const manyNames = Object.fromEntries(list(20_000, (index) => [`a-name-of-some-length-${index}`, '']));
/** A usual object, as large as etcd accepts. */
const large = {
  metadata,
  spec: { predictor: { env: list(9_000, (at) => ({ name: `V${at}`, value: 'x'.repeat(100) })) } },
};

function decoded(object: object): { object: unknown; left: readonly string[] } {
  const left: string[] = [];
  const result = decodeObject(Buffer.from(JSON.stringify(object)), (_object, fields) => left.push(...fields));
  return { object: result, left };
}

describe('an object of the API server', () => {
  it.each([
    ['is small', { metadata }],
    ['is large', large],
    ['has a text of 9 MiB in JSON', { metadata, data: { text: '\u0001'.repeat(1500 * KIB) } }],
    ['has 25,000 references', { metadata, secrets: list(25_000, (at) => ({ name: `secret-${at}` })) }],
    [
      'has names of JavaScript properties',
      JSON.parse(`{"__proto__":{"a":"${'x'.repeat(300 * KIB)}"},"constructor":1}`) as object,
    ],
  ])('that %s is decoded completely', (_what, object) => {
    const { object: read, left } = decoded(object);
    expect(left).toEqual([]);
    expect(JSON.stringify(read)).toBe(JSON.stringify(object));
  });

  it.each<[string, object, object, string[]]>([
    ['spec', { metadata, spec: { predictor: { tolerations: many } } }, { metadata }, ['spec']],
    ['data', { metadata, data: manyNames, kind: 'ConfigMap' }, { metadata, kind: 'ConfigMap' }, ['data']],
    [
      'annotations',
      { metadata: { annotations: manyNames, ...metadata }, spec: {} },
      { metadata, spec: {} },
      ['metadata.annotations'],
    ],
    [
      'spec, deeply nested',
      {
        metadata,
        spec: {
          text: 'x'.repeat(300 * KIB),
          deep: JSON.parse(`${'['.repeat(3_000)}${']'.repeat(3_000)}`) as object,
        },
      },
      { metadata },
      ['spec'],
    ],
    [
      'the fields after the budget is used up',
      { metadata, a: many.slice(0, 25_000), b: list(40_000, () => 'x'.repeat(5)) },
      { metadata, a: many.slice(0, 25_000) },
      ['b'],
    ],
    [
      'spec of an event',
      { type: 'ADDED', object: { metadata: { ...metadata, annotations: manyNames }, spec: many } },
      { type: 'ADDED', object: { metadata } },
      ['object.metadata.annotations', 'object.spec'],
    ],
  ])('bounds the time to decode it by dropping %s', (_what, object, kept, left) => {
    const { object: read, left: fields } = decoded(object);
    // Compares text, because comparing 25,000 objects one by one takes long.
    expect(JSON.stringify(read)).toBe(JSON.stringify(kept));
    expect(fields).toEqual(left);
  });

  it('reports whether fields were dropped, also for the object of an event', async () => {
    const whole = { metadata, data: { a: 'b' } };
    const part = { metadata, data: manyNames };
    const decodedObject = (object: object) => decoded(object).object as object;
    expect([whole, large, part].map((object) => isIncomplete(decodedObject(object)))).toEqual([
      false,
      false,
      true,
    ]);
    const event = decodedObject({ type: 'ADDED', object: part }) as { readonly object: object };
    expect(isIncomplete(event.object)).toBe(true);
    const read = await listDecoder(
      systemClock,
      () => undefined,
    )(Buffer.from(JSON.stringify({ items: [whole, part] })));
    expect((read as { readonly items: readonly object[] }).items.map(isIncomplete)).toEqual([false, true]);
  });

  it('keeps a limited number of fields', () => {
    const { object, left } = decoded(manyNames);
    expect(Object.keys(object as object)).toHaveLength(500);
    expect(left).toEqual([', all after 500 fields']);
  });

  it.each(['', 'x', '{"a":', `{"a":"${'x'.repeat(300 * KIB)}`, `[${'{},'.repeat(200_000)}`])(
    'rejects invalid JSON: %#',
    (text) => {
      expect(() => decodeObject(Buffer.from(text))).toThrow(SyntaxError);
    },
  );
});

describe('a list of the API server', () => {
  const read = async (object: unknown): Promise<{ list: unknown; left: unknown[] }> => {
    const left: unknown[] = [];
    const decode = listDecoder(systemClock, (about, fields) => left.push([about, fields]));
    return { list: await decode(Buffer.from(JSON.stringify(object))), left };
  };

  it.each([
    ['empty', { metadata: { resourceVersion: '1' }, items: [] }],
    ['small', { kind: 'PodList', metadata: { resourceVersion: '1' }, items: [large.metadata] }],
    [
      'large',
      { kind: 'PodList', metadata: { resourceVersion: '1', continue: 'x' }, items: list(2, () => large) },
    ],
    ['without a list of items', { items: 'x'.repeat(300 * KIB) }],
    ['not an object', list(2, () => large)],
  ])('that is %s is decoded completely', async (_what, object) => {
    const { list: result, left } = await read(object);
    expect(JSON.stringify(result)).toBe(JSON.stringify(object));
    expect(left).toEqual([]);
  });

  it('drops only the fields that are too large, for each object separately', async () => {
    const { list: result, left } = await read({
      metadata: { resourceVersion: '1' },
      items: [{ metadata, spec: many }, large, { metadata, spec: manyNames }],
    });
    expect(result).toEqual({
      metadata: { resourceVersion: '1' },
      items: [{ metadata }, large, { metadata }],
    });
    expect(left).toEqual([
      [{ metadata }, ['spec']],
      [{ metadata }, ['spec']],
    ]);
  });

  it('yields to other work between its objects', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    await read({ metadata: {}, items: list(6, () => large) });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});
