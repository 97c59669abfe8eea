import { describe, expect, it } from '@jest/globals';
import { createEngine } from '../../../../src/agent/engine/engine.ts';
import type { PullResult } from '../../../../src/agent/puller/contract.ts';
import type { ServerAnswer } from '../../../../src/agent/model-server/adapter.ts';
import { seconds } from '../../../../src/lib/clock.ts';
import { fakeClock } from '../../../support/clocks.ts';
import { playedEngine } from '../../../support/played-engine.ts';

const HOUR = 3_600_000;
const SPEC = { storageUri: 's3://b/m', framework: 'sklearn', memory: '1' };

/** An engine without disk and network. Each pull and each load has the next result. */
function scene(pulls: PullResult[], loads: ServerAnswer[]) {
  const clock = fakeClock();
  const spans: number[] = [];
  const attempts = { pulls: 0, loads: 0 };
  const deps = playedEngine({
    clock,
    pull: async () => {
      await clock.sleep(seconds(1));
      return pulls[attempts.pulls++] ?? { kind: 'pulled', bytes: 1, files: 1 };
    },
    stepped: (_step, took) => void spans.push(took),
    adapter: {
      load: async () => {
        await clock.sleep(seconds(1));
        return loads[attempts.loads++] ?? { kind: 'done' };
      },
    },
  });
  const engine = createEngine(deps);
  engine.serverUp(false);
  engine.setDesired(new Map([['m', SPEC]]));
  const phase = () => [...engine.models()][0]?.phase.phase;
  return { clock, engine, attempts, spans, phase };
}

describe.each([
  ['back by an hour', -HOUR],
  ['forward by an hour', HOUR],
])('the wall clock steps %s', (_name, step) => {
  const failed: PullResult = { kind: 'failed', reason: 'SourceUnavailable', message: 'away', retry: 'soon' };
  const refused: ServerAnswer = { kind: 'refused', reason: 'LoadFailed', message: 'no' };

  it.each<[string, PullResult[], ServerAnswer[]]>([
    ['a failed download', [failed], []],
    ['a rejected load', [], [refused]],
  ])('%s is retried at the right time', async (_what, pulls, loads) => {
    const { clock, attempts, phase } = scene(pulls, loads);
    await clock.advance(pulls.length > 0 ? 1_500 : 2_500);
    expect(phase()).toBe('Failed');
    const before = attempts.pulls + attempts.loads;
    clock.stepWall(step);
    await clock.advance(200);
    expect(attempts.pulls + attempts.loads).toBe(before);
    await clock.advance(5_000);
    expect(phase()).toBe('Loaded');
  });

  it('the durations of current steps are correct', async () => {
    const { clock, spans, phase } = scene([], []);
    await clock.advance(500);
    clock.stepWall(step);
    await clock.advance(1_000);
    clock.stepWall(step);
    await clock.advance(1_000);
    expect(phase()).toBe('Loaded');
    expect(spans).toEqual([0, 1_000, 1_000]);
  });
});
