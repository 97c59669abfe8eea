import { describe, expect, it } from '@jest/globals';
import { aborted } from '../../../../src/lib/abort.ts';
import type { ApiClient } from '../../../../src/kube/api-client.ts';
import type { Lease } from '../../../../src/kube/resources.ts';
import { refuseBesideKServe } from '../../../../src/controllers/takeover/kserve-controllers.ts';
import { fakeClock } from '../../../support/clocks.ts';
import type { FakeClock } from '../../../support/clocks.ts';
import { recordingLogger } from '../../../support/logs.ts';

const lease = (holderIdentity: string, resourceVersion = 'same'): Lease => ({
  metadata: { name: 'kserve-controller-manager-leader-lock', namespace: 'kserve', resourceVersion },
  // From the clock of another machine, so nothing may depend on it.
  spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: '2001-01-01T00:00:00.000000Z' },
});
/** KServe's leader renews every two seconds. */
const alive = (second: number): Lease => lease('kserve', String(Math.floor(second / 2)));
const dead = (): Lease => lease('kserve');

/** A client that returns this Lease at each second. */
function showing(clock: FakeClock, at: (second: number) => Lease): ApiClient {
  const started = clock.now();
  const get = () => Promise.resolve(at((clock.now() - started) / 1000));
  return { get } as unknown as ApiClient;
}

/** For each of 120 seconds, whether predictors were reconciled, or the error that prevented the start. */
async function worked(at: (second: number) => Lease): Promise<unknown> {
  const clock = fakeClock();
  const ending = new AbortController();
  const surroundings = { client: showing(clock, at), clock, logger: recordingLogger() };
  let working = false;
  let refused: unknown;
  void refuseBesideKServe(surroundings, ending.signal).then(
    ({ whileAway }) =>
      whileAway(ending.signal, async (signal) => {
        working = true;
        await aborted(signal);
        working = false;
      }),
    (thrown: unknown) => (refused = thrown),
  );
  const seen: boolean[] = [];
  for (let second = 0; second < 120 && refused === undefined; second += 1) {
    await clock.advance(0);
    seen.push(working);
    await clock.advance(1000);
  }
  ending.abort();
  return refused ?? seen;
}

/** The seconds in which that changes. */
const changes = (seen: readonly boolean[]): number[] =>
  seen.flatMap((now, second) => (now === (seen[second - 1] ?? false) ? [] : [second]));

describe('predictors are reconciled', () => {
  it.each([
    ['at once when nothing holds the Lease', () => lease(''), [0]],
    ['at once when another kserve-mms manager holds it', () => lease('kserve-mms/elsewhere'), [0]],
    ['after the Lease of a dead holder has expired', dead, [15]],
    [
      'but not while KServe’s controllers run, which started later',
      (second: number) => (second < 20 || second >= 60 ? lease('') : alive(second)),
      [0, 30, 60],
    ],
    [
      'again after KServe’s leader has died',
      (second: number) => (second < 20 ? lease('') : alive(Math.min(second, 40))),
      [0, 30, 60],
    ],
  ])('%s', async (_, at, expected) => {
    expect(changes((await worked(at)) as boolean[])).toEqual(expected);
  });

  it('not at all while KServe’s controllers run', async () => {
    expect(await worked(alive)).toEqual(
      expect.objectContaining({
        code: 'KSERVE_RUNS',
        message: expect.stringContaining('overlays/beside-kserve'),
      }),
    );
  });
});
