/** A seeded random source for property-style tests, so that a failing case can be repeated by its seed. */
export interface SeededRandom {
  /** A whole number from 0 up to, but not including, `below`. */
  integer(below: number): number;
  pick<T>(from: readonly T[]): T;
  shuffle<T>(of: readonly T[]): T[];
}

/** mulberry32: small, and good enough for test data. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(next() * below);
  return {
    integer,
    pick: (from) => from[integer(from.length)]!,
    shuffle: (of) => {
      const left = [...of];
      return of.map(() => left.splice(integer(left.length), 1)[0]!);
    },
  };
}

/** Seeds for `it.each`: enough to reach the rare cases, few enough to stay fast. */
export const SEEDS: readonly number[] = Array.from({ length: 200 }, (_, index) => index + 1);
