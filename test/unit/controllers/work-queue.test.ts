import { describe, expect, it } from '@jest/globals';
import { milliseconds } from '../../../src/lib/clock.ts';
import { MmsError } from '../../../src/lib/errors.ts';
import type { WorkQueueOptions } from '../../../src/controllers/work-queue.ts';
import { settle } from '../../support/clocks.ts';
import { testQueue } from './test-queue.ts';

class TerminalError extends MmsError {
  readonly code = 'TEST_TERMINAL';
  readonly retryable = false;
}

/** A process function that fails the first `times` runs with this error. */
function failing(times: number, error: Error, runs: string[]): WorkQueueOptions<string>['process'] {
  return (key) => {
    runs.push(key);
    return runs.length <= times ? Promise.reject(error) : Promise.resolve();
  };
}

describe('the work queue', () => {
  it('processes added keys', async () => {
    const { queue, runs } = testQueue();
    queue.add('a');
    queue.add('b');
    await settle();
    expect(runs).toEqual(['a@0', 'b@0']);
  });

  it('holds a key once, however often it is added before it runs', async () => {
    const { queue, runs, hold } = testQueue({ workers: 1 });
    const gate = hold('busy');
    queue.add('busy');
    for (let i = 0; i < 100; i += 1) queue.add('a');
    expect(queue.depth).toBe(1);
    gate.resolve(undefined);
    await settle();
    expect(runs).toEqual(['busy@0', 'a@0']);
  });

  it('runs one key that is not urgent after three urgent ones, so that it is never blocked for good', async () => {
    const { queue, runs, hold } = testQueue({ workers: 1, isUrgent: (key) => key.startsWith('u') });
    const gate = hold('u0');
    for (const key of ['u0', 'a', 'b', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6']) queue.add(key);
    gate.resolve(undefined);
    await settle();
    expect(runs.map((run) => run.split('@')[0])).toEqual([
      'u0',
      'u1',
      'u2',
      'a',
      'u3',
      'u4',
      'u5',
      'b',
      'u6',
    ]);
  });

  it.each([
    ['not urgent', () => false],
    ['urgent', () => true],
    ['partly urgent', (key: string) => key.startsWith('noisy')],
  ])('takes tenants in turn, so that one with 1,000 keys does not delay another: %s', async (_, isUrgent) => {
    const sharerOf = (key: string) => ({ namespace: key.split('/')[0]!, inferenceService: 'sk' });
    const { queue, runs, hold } = testQueue({ workers: 1, isUrgent, sharerOf });
    const gate = hold('noisy/first');
    queue.add('noisy/first');
    for (let index = 0; index < 1_000; index += 1) queue.add(`noisy/${index}`);
    queue.add('quiet/m');
    expect([queue.depth, queue.depthOf('noisy'), queue.depthOf('quiet')]).toEqual([1001, 1000, 1]);
    gate.resolve(undefined);
    await settle();
    // It is behind at most three urgent keys, of its own tenant or of others.
    expect(runs.indexOf('quiet/m@0')).toBeLessThanOrEqual(4);
    expect(queue.depth).toBe(0);
    expect(runs).toHaveLength(1002);
  });

  it('runs urgent keys first, also those that become urgent while they wait', async () => {
    const urgent = new Set(['u1', 'u2']);
    const { queue, runs, hold } = testQueue({ workers: 1, isUrgent: (key) => urgent.has(key) });
    const gate = hold('busy');
    for (const key of ['busy', 'a', 'b', 'u1', 'c', 'u2']) queue.add(key);
    urgent.add('b');
    queue.add('b');
    expect(queue.depth).toBe(5);
    gate.resolve(undefined);
    await settle();
    expect(runs).toEqual(['busy@0', 'u1@0', 'u2@0', 'b@0', 'a@0', 'c@0']);
  });

  it('never gives a key to two workers, and runs it again when it is added during its run', async () => {
    const { queue, runs, hold } = testQueue();
    const gate = hold('a');
    queue.add('a');
    await settle();
    queue.add('a');
    queue.add('a');
    await settle();
    expect(runs).toEqual(['a@0']);
    gate.resolve(undefined);
    await settle();
    expect(runs).toEqual(['a@0', 'a@0']);
  });

  it('processes as many keys at once as there are workers, in order of arrival', async () => {
    const { queue, runs, hold } = testQueue({ workers: 2 });
    const gates = ['a', 'b'].map(hold);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    await settle();
    expect(runs).toEqual(['a@0', 'b@0']);
    expect(queue.depth).toBe(2);
    gates[1]?.resolve(undefined);
    await settle();
    expect(runs).toEqual(['a@0', 'b@0', 'c@0', 'd@0']);
  });

  it('retries a failing key with exponential backoff up to the cap, and resets it after a success', async () => {
    const times: number[] = [];
    const { queue, clock } = testQueue({
      process: () => {
        times.push(clock.now());
        return times.length === 7 ? Promise.resolve() : Promise.reject(new Error('not yet'));
      },
    });
    queue.add('a');
    await clock.advance(10_000);
    queue.add('a');
    await clock.advance(150);
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits.slice(0, 6)).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(waits.slice(7)).toEqual([100]);
  });

  it('adds jitter to the waits', async () => {
    const runs: string[] = [];
    const { queue, clock } = testQueue({ random: () => 0, process: failing(1, new Error('x'), runs) });
    queue.add('a');
    await clock.advance(49);
    expect(runs).toHaveLength(1);
    await clock.advance(1);
    expect(runs).toHaveLength(2);
  });

  it('does not delay other keys after a failure', async () => {
    const runs: string[] = [];
    const { queue } = testQueue({ workers: 1, process: failing(1, new Error('x'), runs) });
    queue.add('bad');
    queue.add('good');
    await settle();
    expect(runs).toEqual(['bad', 'good']);
  });

  it('does not retry a terminal error until the key is added again', async () => {
    const runs: string[] = [];
    const { queue, clock } = testQueue({ process: failing(1, new TerminalError('never'), runs) });
    queue.add('a');
    await clock.advance(100_000);
    expect(runs).toEqual(['a']);
    queue.add('a');
    await settle();
    expect(runs).toEqual(['a', 'a']);
  });

  it('runs a key added during its backoff at once, and drops the pending retry', async () => {
    const runs: string[] = [];
    const { queue, clock } = testQueue({ process: failing(1, new Error('x'), runs) });
    queue.add('a');
    await clock.advance(10);
    queue.add('a');
    await settle();
    expect(runs).toHaveLength(2);
    await clock.advance(10_000);
    expect(runs).toHaveLength(2);
  });

  it('forget() drops the failures and the pending retry', async () => {
    const runs: string[] = [];
    const { queue, clock } = testQueue({ process: failing(9, new Error('x'), runs) });
    queue.add('a');
    await settle();
    queue.forget('a');
    await clock.advance(10_000);
    expect(runs).toHaveLength(1);
  });

  it('addAfter() adds a key after a span, and keeps the earliest of several', async () => {
    const { queue, clock, runs } = testQueue();
    queue.addAfter('a', milliseconds(500));
    queue.addAfter('a', milliseconds(200));
    queue.addAfter('a', milliseconds(900));
    await clock.advance(10_000);
    expect(runs).toEqual(['a@200']);
  });

  it('stop() accepts no more keys, and waits for runs in progress', async () => {
    const { queue, clock, runs, hold, signals } = testQueue({
      workers: 1,
      coalesce: { first: milliseconds(50), cap: milliseconds(50), rest: milliseconds(50) },
    });
    const gate = hold('a');
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', milliseconds(10));
    await settle();
    let stopped = false;
    const stopping = queue.stop(milliseconds(1000)).then(() => (stopped = true));
    queue.add('d');
    queue.addAfter('e', milliseconds(1));
    await clock.advance(500);
    expect([stopped, signals[0]?.aborted]).toEqual([false, false]);
    await clock.advance(500);
    expect([stopped, signals[0]?.aborted]).toEqual([false, true]);
    gate.resolve(undefined);
    await stopping;
    await clock.advance(10_000);
    expect(runs).toEqual(['a@0']);
    expect(clock.sleeping).toBe(0);
  });

  it('stop() without a grace period aborts runs in progress at once', async () => {
    const { queue, hold, signals } = testQueue();
    const gate = hold('a');
    queue.add('a');
    await settle();
    const stopping = queue.stop();
    expect(signals[0]?.aborted).toBe(true);
    gate.reject(new Error('cut short'));
    await stopping;
  });

  it('handles a process function that throws like one that rejects', async () => {
    const { queue, events } = testQueue({
      process: () => {
        throw new Error('thrown');
      },
    });
    queue.add('a');
    await settle();
    expect(events.at(-1)).toMatchObject({ type: 'finished', outcome: 'retry' });
  });

  it('reports depth, waiting time and outcome', async () => {
    const { queue, clock, events, hold } = testQueue({ workers: 1 });
    const gate = hold('a');
    queue.add('a');
    queue.add('b');
    await clock.advance(30);
    gate.resolve(undefined);
    await settle();
    expect(events).toEqual([
      { type: 'depth', depth: 1 },
      { type: 'depth', depth: 0 },
      { type: 'started', key: 'a', waited: 0 },
      { type: 'depth', depth: 1 },
      { type: 'finished', key: 'a', outcome: 'done', duration: 30 },
      { type: 'depth', depth: 0 },
      { type: 'started', key: 'b', waited: 30 },
      { type: 'finished', key: 'b', outcome: 'done', duration: 0 },
    ]);
  });
});
