import { describe, expect, it } from '@jest/globals';
import { createEngine } from '../../../../src/agent/engine/engine.ts';
import { seconds } from '../../../../src/lib/clock.ts';
import { fakeClock } from '../../../support/clocks.ts';
import { silentLogger } from '../../../support/forked-puller.ts';

const [ONE, TWO] = [1, 2].map((version) => ({
  storageUri: `s3://b/v${version}`,
  framework: 'sklearn',
  memory: '1',
}));

/** An engine whose store takes a second to put a version in place, or back. */
function scene() {
  const clock = fakeClock();
  const pulls: string[] = [];
  const done = () => Promise.resolve();
  const slowly = () => clock.sleep(seconds(1));
  const engine = createEngine({
    clock,
    random: () => 1,
    log: silentLogger,
    limits: { fetches: 4, loads: 4, slowAfter: seconds(1) },
    observer: { changed: () => undefined, forgotten: () => undefined, stepped: () => undefined },
    puller: {
      pull: ({ storageUri }) => {
        pulls.push(storageUri);
        return Promise.resolve({ kind: 'pulled', bytes: 1, files: 1 });
      },
      stop: done,
    },
    adapter: {
      health: () => Promise.resolve('up'),
      index: () => Promise.resolve(new Map()),
      saysRepository: () => Promise.resolve(true),
      ready: () => Promise.resolve(false),
      load: () => Promise.resolve({ kind: 'done' }),
      unload: () => Promise.resolve({ kind: 'done' }),
      memory: () => Promise.resolve(undefined),
      loadsAllAtStart: () => Promise.resolve(false),
    },
    store: {
      recover: () => Promise.resolve(new Map()),
      pathOf: (name) => `/m/${name}`,
      newStagingPath: (name) => Promise.resolve(`/s/${name}`),
      ...{ install: slowly, goBack: slowly, discardPrevious: done, discard: done },
      ...{ noteLoaded: done, remove: done, close: done, park: done, unpark: done, evict: done },
      notedHash: () => undefined,
    },
    residence: {
      of: () => 'memory',
      mayUnload: () => true,
      ...{ observed: () => undefined, forgotten: () => undefined },
      ...{ serverUp: () => undefined, serverGone: () => undefined },
    },
  });
  engine.serverUp(false);
  const wanted = (spec = ONE) => engine.setDesired(new Map([['m', spec!]]));
  /** Lets a second pass, and has the engine decide again and again meanwhile. */
  const busily = async () => {
    for (let turn = 0; turn < 10; turn++) {
      await new Promise(setImmediate);
      engine.consider(['m']);
    }
    await clock.advance(1_000);
  };
  return { engine, pulls, wanted, busily };
}

describe('a decision that is made while a version is put in place', () => {
  it('has none of it fetched again', async () => {
    const { pulls, wanted, busily } = scene();
    wanted();
    await busily();
    await busily();
    expect(pulls).toEqual([ONE!.storageUri]);
    wanted(TWO);
    await busily();
    await busily();
    expect(pulls).toEqual([ONE!.storageUri, TWO!.storageUri]);
  });
});
