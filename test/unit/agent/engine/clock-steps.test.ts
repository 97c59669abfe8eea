import { describe, expect, it } from '@jest/globals';
import type { EngineDeps } from '../../../../src/agent/engine/context.ts';
import { createEngine } from '../../../../src/agent/engine/engine.ts';
import type { PullResult } from '../../../../src/agent/puller/contract.ts';
import type { ServerAnswer } from '../../../../src/agent/model-server/adapter.ts';
import { seconds } from '../../../../src/lib/clock.ts';
import { fakeClock } from '../../../support/clocks.ts';
import { silentLogger } from '../../../support/forked-puller.ts';

const HOUR = 3_600_000;
const SPEC = { storageUri: 's3://b/m', framework: 'sklearn', memory: '1' };

/** An engine without disk and network: each pull and each load ends as the next answer says. */
function scene(pulls: PullResult[], loads: ServerAnswer[]) {
  const clock = fakeClock();
  const spans: number[] = [];
  const attempts = { pulls: 0, loads: 0 };
  const done = () => Promise.resolve();
  const deps: EngineDeps = {
    clock,
    random: () => 1,
    log: silentLogger,
    limits: { fetches: 4, loads: 4, slowAfter: seconds(1) },
    observer: {
      changed: () => undefined,
      forgotten: () => undefined,
      stepped: (_step, took) => void spans.push(took),
    },
    puller: {
      pull: async () => {
        await clock.sleep(seconds(1));
        return pulls[attempts.pulls++] ?? { kind: 'pulled', bytes: 1, files: 1 };
      },
      stop: done,
    },
    adapter: {
      health: () => Promise.resolve('up'),
      index: () => Promise.resolve(new Map()),
      saysRepository: () => Promise.resolve(true),
      ready: () => Promise.resolve(false),
      load: async () => {
        await clock.sleep(seconds(1));
        return loads[attempts.loads++] ?? { kind: 'done' };
      },
      unload: () => Promise.resolve({ kind: 'done' }),
      memory: () => Promise.resolve(undefined),
      loadsAllAtStart: () => Promise.resolve(false),
    },
    store: {
      recover: () => Promise.resolve(new Map()),
      pathOf: (name) => `/m/${name}`,
      newStagingPath: (name) => Promise.resolve(`/s/${name}`),
      ...{ install: done, goBack: done, discardPrevious: done, discard: done },
      ...{ noteLoaded: done, remove: done, close: done, park: done, unpark: done, evict: done },
      notedHash: () => undefined,
    },
    residence: {
      of: () => 'memory',
      mayUnload: () => true,
      ...{ observed: () => undefined, forgotten: () => undefined },
      ...{ serverUp: () => undefined, serverGone: () => undefined },
    },
  };
  const engine = createEngine(deps);
  engine.serverUp(false);
  engine.setDesired(new Map([['m', SPEC]]));
  const phase = () => [...engine.models()][0]?.phase.phase;
  return { clock, engine, attempts, spans, phase };
}

describe.each([
  ['back an hour', -HOUR],
  ['on an hour', HOUR],
])('the wall clock steps %s', (_name, step) => {
  const failed: PullResult = { kind: 'failed', reason: 'SourceUnavailable', message: 'away', retry: 'soon' };
  const refused: ServerAnswer = { kind: 'refused', reason: 'LoadFailed', message: 'no' };

  it.each<[string, PullResult[], ServerAnswer[]]>([
    ['a download that failed', [failed], []],
    ['a load that was refused', [], [refused]],
  ])('%s is tried again when it was to be, not sooner nor later', async (_what, pulls, loads) => {
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

  it('steps under way take as long as they take', async () => {
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
