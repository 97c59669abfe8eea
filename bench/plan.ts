import { type Burst, FIRST_PREDICTIONS } from './report/figure-names.ts';

/** The amount of each part. */
export interface Plan {
  readonly admission: { readonly rounds: number; readonly ms: number };
  readonly burst: {
    readonly rounds: number;
    /** With both contenders. */
    readonly both: readonly Burst[];
    /** With both, once, because KServe's manager takes minutes. */
    readonly once: readonly Burst[];
    readonly oursAlone: readonly Burst[];
  };
  readonly agent: {
    readonly rounds: number;
    readonly starts: readonly number[];
    /** With a real MLServer, whose start and loads take most of a minute for both. */
    readonly mlserverStarts: readonly number[];
    readonly sizes: Readonly<Record<string, number>>;
  };
  readonly dataPath: { readonly rounds: number; readonly ms: number };
  readonly onDemand: {
    readonly rounds: number;
    readonly ms: number;
    readonly models: number;
    /** The number of models in memory. */
    readonly room: number;
    /** Requests for sleeping models. */
    readonly cold: number;
    /** Of the smaller set that is restarted. */
    readonly back: { readonly models: number; readonly room: number; readonly rounds: number };
  };
  /** TrainedModels that are applied alone, and after those one as soon as the one before answers. */
  readonly firstPrediction: { readonly alone: number; readonly inARow: number };
  readonly footprint: {
    readonly rounds: number;
    /** Includes the agents' memory after requests and loads, which takes most of a minute a round. */
    readonly afterWork: boolean;
  };
}

const one = (models: number): Burst => ({ models, services: 1 });
const SIZES = { '1 KB': 1e3, '1 MB': 1e6, '100 MB': 1e8 };

/** The plan of `npm run bench`. */
export const WHOLE: Plan = {
  admission: { rounds: 3, ms: 6_000 },
  burst: {
    rounds: 2,
    both: [one(100), one(300)],
    once: [one(1_000)],
    oursAlone: [one(5_000), { models: 10_000, services: 100 }],
  },
  agent: { rounds: 3, starts: [1, 90, 1_000], mlserverStarts: [90], sizes: SIZES },
  dataPath: { rounds: 5, ms: 3_000 },
  onDemand: {
    ...{ rounds: 9, ms: 3_000, models: 10_000, room: 1_000, cold: 1_000 },
    back: { models: 1_000, room: 200, rounds: 1 },
  },
  firstPrediction: { alone: FIRST_PREDICTIONS, inARow: 20 },
  footprint: { rounds: 3, afterWork: true },
};

/** With `--short`: every part except the longest bursts, with fewer rounds. */
export const SHORT: Plan = {
  admission: { rounds: 2, ms: 4_000 },
  burst: { rounds: 1, both: [one(100)], once: [], oursAlone: [one(1_000)] },
  agent: { rounds: 2, starts: [1, 90, 1_000], mlserverStarts: [], sizes: SIZES },
  dataPath: { rounds: 3, ms: 2_000 },
  onDemand: {
    ...{ rounds: 3, ms: 2_000, models: 2_000, room: 200, cold: 200 },
    back: { models: 200, room: 40, rounds: 1 },
  },
  firstPrediction: { alone: 15, inARow: 10 },
  footprint: { rounds: 1, afterWork: true },
};

/** With `--guard`: the parts for the guard against large losses. */
export const GUARD: Plan = {
  admission: { rounds: 1, ms: 3_000 },
  burst: { rounds: 1, both: [one(100)], once: [], oursAlone: [] },
  agent: { rounds: 3, starts: [90], mlserverStarts: [], sizes: { '100 MB': SIZES['100 MB'] } },
  dataPath: { rounds: 2, ms: 1_500 },
  onDemand: SHORT.onDemand,
  firstPrediction: SHORT.firstPrediction,
  footprint: { rounds: 1, afterWork: false },
};
