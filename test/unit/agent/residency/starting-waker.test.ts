import { describe, expect, it } from '@jest/globals';
import { createStartingWaker } from '../../../../src/agent/residency/starting-waker.ts';
import type { ModelWaker, WakeOutcome } from '../../../../src/agent/residency/waker.ts';

const NEVER = new AbortController().signal;

/** Knows a loaded model, and one that sleeps until a request waits for it. */
function knownModels(entered: string[]): ModelWaker {
  const kinds = new Map([
    ['here', 'loaded'],
    ['sleeping', 'asleep'],
  ] as const);
  return {
    availability: (name) => ({ kind: kinds.get(name as 'here') ?? 'unknown' }),
    enter: (name) => {
      entered.push(name);
      return () => undefined;
    },
    wait: (): Promise<WakeOutcome> => Promise.resolve({ kind: 'loaded' }),
    isEnding: () => false,
  };
}

describe('requests to an agent that has just started', () => {
  it.each([
    ['here', 'loaded'],
    ['sleeping', 'loaded'],
    ['nothing', 'removed'],
  ])('wait until it knows its models: %s is %s', async (name, kind) => {
    const starting = createStartingWaker();
    expect(starting.availability(name)).toEqual({ kind: 'server-away' });
    let outcome: WakeOutcome | undefined;
    const waiting = starting.wait(name, NEVER).then((found) => (outcome = found));
    await new Promise(setImmediate);
    expect(outcome).toBeUndefined();
    const entered: string[] = [];
    starting.started(knownModels(entered));
    expect(await waiting).toEqual({ kind });
    starting.enter(name, 'after-wait');
    expect(entered).toEqual([name]);
  });

  it('continue to the model server when residency is off', async () => {
    const starting = createStartingWaker();
    const waiting = starting.wait('here', NEVER);
    starting.started(undefined);
    expect(await waiting).toEqual({ kind: 'removed' });
  });

  it('end their wait when their client disconnects', async () => {
    const leaving = new AbortController();
    const waiting = createStartingWaker().wait('here', leaving.signal);
    leaving.abort();
    expect(await waiting).toMatchObject({ kind: 'refused', reason: 'Stopping' });
  });
});
