import { describe, expect, it } from '@jest/globals';
import type { InferenceService, Predictor } from '../../../src/contract/inference-service.ts';
import { memoryLimitOf } from '../../../src/contract/inference-service.ts';
import { allocateMemory } from '../../../src/contract/memory-ledger.ts';
import { bytes } from '../../../src/lib/quantity.ts';
import { SEEDS, seededRandom } from './seeded-random.ts';

const claim = (claimant: string, memory: number) => ({ claimant, memory: bytes(memory) });
const limitOf = (limit: number | undefined) => (limit === undefined ? undefined : bytes(limit));

describe('the memory ledger', () => {
  it.each([
    { name: 'no claims', claims: [], limit: 10, granted: [], used: 0 },
    {
      name: 'exactly the limit',
      claims: [claim('a', 4), claim('b', 6)],
      limit: 10,
      granted: ['a', 'b'],
      used: 10,
    },
    { name: 'one byte more', claims: [claim('a', 4), claim('b', 7)], limit: 10, granted: ['a'], used: 4 },
    { name: 'one claim larger than the limit', claims: [claim('a', 11)], limit: 10, granted: [], used: 0 },
    {
      name: 'a smaller claim after a larger one',
      claims: [claim('a', 5), claim('b', 6), claim('c', 5)],
      limit: 10,
      granted: ['a', 'c'],
      used: 10,
    },
    {
      name: 'claims of zero',
      claims: [claim('a', 0), claim('b', 0)],
      limit: 0,
      granted: ['a', 'b'],
      used: 0,
    },
    { name: 'a limit of zero', claims: [claim('a', 1)], limit: 0, granted: [], used: 0 },
    {
      name: 'the given order decides',
      claims: [claim('b', 6), claim('a', 6)],
      limit: 10,
      granted: ['b'],
      used: 6,
    },
    {
      name: 'no limit',
      claims: [claim('a', 2 ** 52), claim('b', 2 ** 52)],
      limit: undefined,
      granted: ['a', 'b'],
      used: 2 ** 53,
    },
  ])('$name: $granted', ({ claims, limit, granted, used }) => {
    const ledger = allocateMemory(claims, limitOf(limit));
    expect(ledger.granted).toEqual(granted);
    expect(ledger.used).toBe(BigInt(used));
    expect(ledger.refused.map(({ claimant }) => claimant)).toEqual(
      claims.map(({ claimant }) => claimant).filter((name) => !granted.includes(name as never)),
    );
  });

  it('reports the requested and the free memory of each refused claim', () => {
    const { refused } = allocateMemory([claim('a', 7), claim('b', 4), claim('c', 3)], bytes(9));
    expect(refused).toEqual([
      { claimant: 'b', memory: 4n, free: 2n },
      { claimant: 'c', memory: 3n, free: 2n },
    ]);
  });

  it('adds exactly beyond the precision of a floating point number', () => {
    const limit = bytes(2n ** 63n);
    const claims = [claim('a', 1), { claimant: 'b', memory: bytes(2n ** 63n - 1n) }, claim('c', 1)];
    const ledger = allocateMemory(claims, limit);
    expect(ledger).toMatchObject({ granted: ['a', 'b'], used: 2n ** 63n });
  });

  it('a claim without a place uses no memory, and takePlace is called only for claims that fit', () => {
    const asked: string[] = [];
    const takePlace = (name: string): boolean => {
      asked.push(name);
      return name !== 'b';
    };
    const claims = [claim('a', 4), claim('b', 6), claim('c', 7), claim('d', 6)];
    expect(allocateMemory(claims, bytes(10), takePlace)).toEqual({
      granted: ['a', 'd'],
      placeless: ['b'],
      refused: [{ claimant: 'c', memory: 7n, free: 6n }],
      used: 10n,
    });
    expect(asked).toEqual(['a', 'b', 'd']);
  });

  it.each(SEEDS)('never grants more than the limit, never refuses what fits, seed %i', (seed) => {
    const random = seededRandom(seed);
    const limit = random.integer(100);
    const claims = Array.from({ length: random.integer(20) }, (_, i) => claim(`m${i}`, random.integer(40)));
    const { granted, refused, used } = allocateMemory(claims, bytes(limit));
    const sum = (names: readonly string[]) =>
      claims
        .filter(({ claimant }) => names.includes(claimant))
        .reduce((total, { memory }) => total + memory, 0n);
    expect(used).toBe(sum(granted));
    expect(Number(used)).toBeLessThanOrEqual(limit);
    expect(granted.length + refused.length).toBe(claims.length);
    for (const { claimant, memory } of refused) {
      const index = claims.findIndex((one) => one.claimant === claimant);
      const before = claims.slice(0, index).map((one) => one.claimant);
      expect(sum(granted.filter((name) => before.includes(name))) + memory).toBeGreaterThan(BigInt(limit));
    }
  });
});

describe('the memory limit of a predictor', () => {
  const limits = (memory: unknown) => ({ resources: { limits: { memory } } });
  const isvc = (predictor: unknown): InferenceService => ({
    metadata: { name: 'i' },
    spec: { predictor: predictor as Predictor },
  });
  const server = { name: 'kserve-container' };
  const Mi = 1024n ** 2n;

  it.each([
    { name: 'a framework', predictor: { sklearn: limits('512Mi') }, limit: 512n * Mi },
    { name: 'the model', predictor: { model: limits('1Gi') }, limit: 1024n * Mi },
    { name: 'a number', predictor: { model: limits(1048576) }, limit: Mi },
    { name: 'a fraction, rounded up', predictor: { model: limits('1.5') }, limit: 2n },
    { name: 'above 2^63', predictor: { model: limits('12E') }, limit: 12n * 10n ** 18n },
    {
      name: 'the first implementation counts',
      predictor: { sklearn: limits('2Mi'), xgboost: limits('1Mi') },
      limit: Mi,
    },
    { name: 'a custom predictor', predictor: { containers: [{ ...server, ...limits('1Mi') }] }, limit: Mi },
    {
      name: 'kserve-container at any position',
      predictor: {
        containers: [
          { name: 'x', ...limits('2Mi') },
          { ...server, ...limits('1Mi') },
        ],
      },
      limit: Mi,
    },
    {
      name: 'the first container when there is no kserve-container',
      predictor: {
        containers: [
          { name: 'x', ...limits('1Mi') },
          { name: 'y', ...limits('2Mi') },
        ],
      },
      limit: Mi,
    },
    {
      name: 'containers take precedence over a framework',
      predictor: { containers: [server], sklearn: limits('1Mi') },
      limit: undefined,
    },
    { name: 'a negative limit admits nothing', predictor: { model: limits('-1Gi') }, limit: 0n },
    { name: 'zero', predictor: { model: limits('0') }, limit: 0n },
    { name: 'none', predictor: { model: {} }, limit: undefined },
    {
      name: 'only requests',
      predictor: { model: { resources: { requests: { memory: '1Gi' } } } },
      limit: undefined,
    },
    { name: 'only cpu', predictor: { model: { resources: { limits: { cpu: '1' } } } }, limit: undefined },
    { name: 'not a quantity', predictor: { model: limits('much') }, limit: undefined },
    { name: 'null', predictor: { model: limits(null) }, limit: undefined },
    { name: 'a list', predictor: { model: limits(['1Gi']) }, limit: undefined },
    { name: 'resources null', predictor: { model: { resources: null } }, limit: undefined },
    { name: 'limits text', predictor: { model: { resources: { limits: '1Gi' } } }, limit: undefined },
    { name: 'a container null', predictor: { containers: [null] }, limit: undefined },
    { name: 'a predictor null', predictor: null, limit: undefined },
    { name: 'an empty predictor', predictor: {}, limit: undefined },
  ])('$name: $limit', ({ predictor, limit }) => {
    expect(memoryLimitOf(isvc(predictor))).toBe(limit);
  });

  it('is undefined without a spec', () => {
    expect(memoryLimitOf({ metadata: { name: 'i' } })).toBeUndefined();
  });
});
