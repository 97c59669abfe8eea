import { describe, expect, it } from '@jest/globals';
import { createEngine } from '../../../../src/agent/engine/engine.ts';
import { seconds } from '../../../../src/lib/clock.ts';
import { fakeClock } from '../../../support/clocks.ts';
import { playedEngine } from '../../../support/played-engine.ts';

const [ONE, TWO] = [1, 2].map((version) => ({
  storageUri: `s3://b/v${version}`,
  framework: 'sklearn',
  memory: '1',
}));

/** An engine whose store takes a second to install a version or to restore the previous one. */
function scene(commit?: () => Promise<void>) {
  const clock = fakeClock();
  const pulls: string[] = [];
  const slowly = () => clock.sleep(seconds(1));
  const engine = createEngine(
    playedEngine({
      clock,
      pull: ({ storageUri }) => {
        pulls.push(storageUri);
        return Promise.resolve({ kind: 'pulled', bytes: 1, files: 1 });
      },
      store: { install: slowly, goBack: slowly, ...(commit && { commit }) },
    }),
  );
  engine.serverUp(false);
  const wanted = (spec = ONE) => engine.setDesired(new Map([['m', spec!]]));
  /** Lets a second pass, and lets the engine decide repeatedly meanwhile. */
  const busily = async () => {
    for (let turn = 0; turn < 10; turn++) {
      await new Promise(setImmediate);
      engine.consider(['m']);
    }
    await clock.advance(1_000);
  };
  return { engine, pulls, wanted, busily };
}

describe('a decision during the installation of a version', () => {
  it('does not fetch it again', async () => {
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

describe('a version that does not fit on the disk', () => {
  it('is reported as loaded only after it has been fetched again and committed', async () => {
    let commits = 0;
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const { engine, pulls, wanted, busily } = scene(() =>
      (commits += 1) === 1 ? Promise.reject(full) : Promise.resolve(),
    );
    const model = () => [...engine.models()][0];
    wanted();
    await busily();
    await busily();
    // The server has it, so that a removal unloads it, but its version is no longer known.
    expect([model()?.failure?.reason, model()?.served.kind]).toEqual(['DiskFull', 'unknown']);
    for (let turn = 0; turn < 10; turn++) await busily();
    expect([pulls.length, commits, model()?.failure, model()?.served.kind]).toEqual([
      2,
      2,
      undefined,
      'loaded',
    ]);
  });
});

describe('a model server that ends while a version is flushed', () => {
  it('is not assumed to have it', async () => {
    const flushed = Promise.withResolvers<undefined>();
    const { engine, wanted, busily } = scene(() => flushed.promise.then(() => undefined));
    const model = () => [...engine.models()][0];
    wanted();
    await busily();
    await busily();
    expect(model()?.served.kind).toBe('unknown');
    engine.serverGone();
    flushed.resolve(undefined);
    await new Promise(setImmediate);
    expect(model()?.served.kind).toBe('absent');
    engine.serverUp(false);
    await busily();
    expect(model()?.served.kind).toBe('loaded');
  });
});
