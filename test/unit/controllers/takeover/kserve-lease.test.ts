import { describe, expect, it } from '@jest/globals';
import { messageOf } from '../../../../src/lib/errors.ts';
import type { ApiClient } from '../../../../src/kube/api-client.ts';
import type { Lease } from '../../../../src/kube/resources.ts';
import { claimKServeLease } from '../../../../src/controllers/takeover/kserve-lease.ts';
import { fakeClock } from '../../../support/clocks.ts';
import { recordingLogger } from '../../../support/logs.ts';

const lease = (holderIdentity: string, resourceVersion = '1'): Lease => ({
  metadata: { name: 'kserve-controller-manager-leader-lock', namespace: 'kserve', resourceVersion },
  spec: { holderIdentity, leaseDurationSeconds: 15 },
});

/**
 * Claims with a client that returns this Lease at each second. Resolves with the outcome and the second,
 * within a minute.
 */
async function claim(at: (second: number) => Lease): Promise<{ after: number; outcome: string }> {
  const clock = fakeClock();
  const started = clock.now();
  const seconds = (): number => (clock.now() - started) / 1000;
  const get = async (): Promise<Lease> => Promise.resolve(at(seconds()));
  const client = { get } as unknown as ApiClient;
  let outcome: string | undefined;
  let after = 0;
  const options = { client, namespace: 'ns', clock, random: Math.random, logger: recordingLogger() };
  void claimKServeLease(options, new AbortController().signal).then(
    () => ([outcome, after] = ['claimed', seconds()]),
    (thrown: unknown) => ([outcome, after] = [messageOf(thrown), seconds()]),
  );
  for (let second = 0; second < 60 && outcome === undefined; second += 1) await clock.advance(1000);
  return { after, outcome: outcome ?? 'still waiting' };
}

describe("before a takeover, KServe's Lease", () => {
  it.each([
    { name: 'without a holder is taken at once', at: () => lease(''), after: 0, outcome: 'claimed' },
    {
      name: 'held by kserve-mms is taken at once',
      at: () => lease('kserve-mms/ns'),
      after: 0,
      outcome: 'claimed',
    },
    {
      name: 'of a dead holder is taken after it expires',
      at: () => lease('kserve'),
      after: 15,
      outcome: 'claimed',
    },
    {
      name: 'released meanwhile is taken',
      at: (second: number) => lease(second < 3 ? 'kserve' : ''),
      after: 3,
      outcome: 'claimed',
    },
    {
      name: 'is read again after an error',
      at: (second: number) => {
        if (second < 5) throw new Error('no route');
        return lease('');
      },
      after: 5,
      outcome: 'claimed',
    },
    {
      name: 'of a live holder ends the start with an error that names the holder and the solution',
      at: (second: number) => lease('kserve-pod_1', String(Math.floor(second / 2))),
      after: 2,
      outcome: expect.stringMatching(/kserve-pod_1 holds .* manifests\/overlays\/takeover-kserve/),
    },
  ])('$name', async ({ at, after, outcome }) => {
    expect(await claim(at)).toEqual({ after, outcome });
  });
});
