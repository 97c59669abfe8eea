import type { ModelWaker, WakeOutcome } from '../../src/agent/residency/waker.ts';

/** A waker whose models a test puts to sleep and wakes. */
export interface PlayedWaker extends ModelWaker {
  /** The models by name; other names are unknown. */
  readonly states: Map<string, 'loaded' | 'asleep' | 'server-away'>;
  /** The waiting requests, with the model's name. */
  readonly waiting: Set<string>;
  /** Requests in flight by model. */
  readonly inFlight: Map<string, number>;
  /** The number of waits by model. */
  readonly waits: string[];
  /** Whether the agent is shutting down. */
  ending: boolean;
  /** Ends all waits for the model. */
  settle(name: string, outcome: WakeOutcome): void;
}

export function playedWaker(): PlayedWaker {
  const states: PlayedWaker['states'] = new Map();
  const inFlight = new Map<string, number>();
  const waiting = new Set<string>();
  const waits: string[] = [];
  const ends = new Set<{ readonly name: string; readonly end: (outcome: WakeOutcome) => void }>();
  const add = (name: string, count: number) => inFlight.set(name, (inFlight.get(name) ?? 0) + count);
  const played: PlayedWaker = {
    ...{ states, inFlight, waiting, waits, ending: false },
    isEnding: () => played.ending,
    availability: (name) => ({ kind: states.get(name) ?? 'unknown' }),
    enter: (name) => {
      add(name, 1);
      return () => void add(name, -1);
    },
    wait: (name, signal) =>
      new Promise((resolve) => {
        waits.push(name);
        waiting.add(name);
        const one = {
          name,
          end: (outcome: WakeOutcome) => {
            ends.delete(one);
            if (![...ends].some((other) => other.name === name)) waiting.delete(name);
            resolve(outcome);
          },
        };
        ends.add(one);
        signal.addEventListener('abort', () => one.end({ kind: 'removed' }), { once: true });
      }),
    settle: (name, outcome) => {
      if (outcome.kind === 'loaded') states.set(name, 'loaded');
      if (outcome.kind === 'removed') states.delete(name);
      for (const one of [...ends]) if (one.name === name) one.end(outcome);
    },
  };
  return played;
}
