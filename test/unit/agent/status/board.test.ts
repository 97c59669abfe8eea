import { describe, expect, it } from '@jest/globals';
import type { AgentStatusEvent } from '../../../../src/contract/agent-status.ts';
import type { EpochMs } from '../../../../src/lib/clock.ts';
import { createStatusBoard } from '../../../../src/agent/status/status-store.ts';
import { newTrackedModel } from '../../../../src/agent/engine/tracked-model.ts';

const NOW = 0 as EpochMs;
const tracked = (name: string) => ({
  ...newTrackedModel(name, undefined, NOW),
  desired: { storageUri: `s3://b/${name}`, framework: 'sklearn', memory: '1Gi' },
});
const sketch = (events: readonly AgentStatusEvent[]) =>
  events.map((event) => {
    if (event.type === 'MODEL') return `${event.sequence} ${event.model.name} ${event.model.phase}`;
    if (event.type === 'REMOVED') return `${event.sequence} -${event.name}`;
    return `${event.sequence} ${event.type}`;
  });

describe('the status board', () => {
  it('has() does not create the document, because it is called for each request', () => {
    const board = createStatusBoard('one', NOW);
    let looks = 0;
    const model = tracked('a');
    Object.defineProperty(model, 'times', { get: () => (looks += 1) });
    const has = () => [board.has('a'), looks];
    expect(has()).toEqual([false, 0]);
    board.put(model);
    expect(has()).toEqual([true, 0]);
    board.document();
    const before = looks;
    board.putQuietly(model);
    expect(has()).toEqual([true, before]);
    board.remove('a');
    expect(has()).toEqual([false, before]);
  });

  it('gives a snapshot to a new reader, and to one of another instance', () => {
    const board = createStatusBoard('one', NOW);
    board.put(tracked('a'));
    for (const [instance, since] of [
      [undefined, 0],
      ['other', 1],
      ['one', 99],
    ] as const) {
      const [event, ...more] = board.since(instance, since);
      expect(more).toEqual([]);
      expect(event).toMatchObject({
        type: 'SNAPSHOT',
        sequence: 1,
        status: { models: [{ name: 'a', phase: 'Queued' }] },
      });
    }
  });

  it('gives a returning reader the changes since, with the latest of each model, in order', () => {
    const board = createStatusBoard('one', NOW);
    board.put(tracked('a'));
    board.put(tracked('b'));
    const { sequence } = board.document();
    board.put({ ...tracked('a'), phase: { phase: 'Downloading', bytes: 5 } });
    board.put({ ...tracked('a'), phase: { phase: 'Loaded' } });
    board.put(tracked('c'));
    expect(sketch(board.since('one', sequence))).toEqual(['3 a Loaded', '4 c Queued']);
    board.remove('b');
    board.setFacts({ ready: true, readyReason: '' });
    expect(sketch(board.since('one', 3))).toEqual(['4 c Queued', '5 -b', '6 AGENT']);
    expect(board.since('one', 6)).toEqual([]);
  });

  it('reports nothing about a model that was added and removed between reads', () => {
    const board = createStatusBoard('one', NOW);
    board.put(tracked('a'));
    board.remove('a');
    expect(board.document()).toMatchObject({ sequence: 0, models: [] });
  });

  it('does not count an update without a change', () => {
    const board = createStatusBoard('one', NOW);
    board.put(tracked('a'));
    board.put(tracked('a'));
    board.setFacts({});
    board.remove('never there');
    expect(board.document().sequence).toBe(1);
  });

  it('forgets old removals, and gives a snapshot to a reader that missed them', () => {
    const board = createStatusBoard('one', NOW);
    for (let index = 0; index < 1_002; index++) {
      board.put(tracked(`m${index}`));
      board.remove(`m${index}`);
    }
    expect(board.since('one', 1)[0]?.type).toBe('SNAPSHOT');
    expect(board.since('one', 2_002)).toHaveLength(1);
  });

  it('contains no storageUri, because it may include a signature', () => {
    const board = createStatusBoard('one', NOW);
    board.put(tracked('a'));
    expect(JSON.stringify(board.document())).not.toContain('s3://');
  });
});
