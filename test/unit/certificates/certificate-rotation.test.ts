import { describe, expect, it } from '@jest/globals';
import { decideRotation, type RotationInput } from '../../../src/certificates/certificate-rotation.decide.ts';
import { NOTHING_SEEN, observe } from '../../../src/certificates/certificate-trust.decide.ts';
import { created, renewed, staged } from '../../../src/certificates/certificate-transitions.decide.ts';
import {
  writeBundle,
  type CertificatePolicy,
  type CertificateState,
} from '../../../src/certificates/certificate.decide.ts';
import { milliseconds, type EpochMs } from '../../../src/lib/clock.ts';
import { makeIssue } from '../../../src/certificates/make-certificate.ts';
import { paperMaker, paperReader } from '../../support/paper-certificates.ts';

const DAY = 86_400_000;
const START = Date.UTC(2030, 0, 1);
const policy: CertificatePolicy = {
  authorityLifetime: milliseconds(300 * DAY),
  leafLifetime: milliseconds(30 * DAY),
  backdate: milliseconds(0),
  renewAt: 2 / 3,
  grace: milliseconds(5000),
  overlap: milliseconds(3_600_000),
};
let now = START;
const maker = paperMaker({ now: () => now as EpochMs }, policy);
const names = ['webhook.svc', '10.0.0.1'];

const state = created(await makeIssue(maker, names), []);
const waiting = staged(state, await makeIssue(maker, names));
const keyless: CertificateState = { ...state, serving: { leaf: state.serving.leaf } };
now = START + 290 * DAY;
const lastLeaf = renewed(
  state,
  await maker.leaf({ authority: state.authorities[0]!, key: state.serving.authorityKey! }, names),
);
const lastWaiting = { ...waiting, serving: lastLeaf.serving };
now = START;
const stranger = (await maker.authority()).authority;

/** A look at `seenAt`, and the decision `later` ms after it. */
function decide(
  stored: CertificateState | undefined,
  given: {
    bundles?: string[];
    after?: number;
    since?: number;
    remembered?: CertificateState;
    names?: string[];
  },
) {
  const at = (START + (given.after ?? 0)) as EpochMs;
  const caBundles = given.bundles ?? Array(2).fill(writeBundle(stored?.authorities ?? []));
  const first = (at - (given.since ?? 0)) as EpochMs;
  const looks = [first, ...(given.since === undefined ? [] : minutes(first, at)), at];
  const seen = looks.reduce(
    (before, time) =>
      observe(before, { began: time, ended: time, caBundles, state: stored }, policy, paperReader),
    NOTHING_SEEN,
  );
  const input: RotationInput = {
    stored: stored === undefined ? { kind: 'missing', reason: 'deleted' } : { kind: 'stored', state: stored },
    remembered: given.remembered,
    seen,
    names: given.names ?? names,
    now: at,
    policy,
  };
  return decideRotation(input);
}

function minutes(from: number, to: number): EpochMs[] {
  const times: EpochMs[] = [];
  for (let time = from + 60_000; time < to; time += 60_000) times.push(time as EpochMs);
  return times;
}

describe('what the leader does next', () => {
  it.each<[string, Parameters<typeof decide>, string]>([
    ['nothing is there', [undefined, { bundles: ['', ''] }], 'createAll'],
    ['no webhook is registered', [undefined, { bundles: [] }], 'createAll'],
    [
      'the Secret is gone, what it held is known',
      [undefined, { remembered: state, bundles: [writeBundle(state.authorities)] }],
      'stageNextCa',
    ],
    [
      'the Secret is gone during a change of authority',
      [undefined, { remembered: waiting, bundles: [writeBundle(waiting.authorities)] }],
      'restore',
    ],
    [
      'the Secret is gone, what is known is no longer trusted',
      [undefined, { remembered: state, bundles: [stranger.pem] }],
      'createAll',
    ],
    [
      'the Secret is gone, what is known has expired',
      [undefined, { remembered: state, bundles: [writeBundle(state.authorities)], after: 31 * DAY }],
      'createAll',
    ],
    ['the caBundles are empty', [state, { bundles: ['', ''] }], 'publish'],
    ['one of the caBundles is empty', [state, { bundles: [writeBundle(state.authorities), ''] }], 'publish'],
    [
      'a caBundle has an authority nobody here knows',
      [state, { bundles: [writeBundle([...state.authorities, stranger])] }],
      'adoptCa',
    ],
    [
      'the same long after it expired',
      [state, { bundles: [writeBundle([...state.authorities, stranger])], after: 301 * DAY }],
      'publish',
    ],
    ['all is well', [state, {}], 'keep'],
    ['all is well without any webhook', [state, { bundles: [] }], 'keep'],
    ['the next authority is published for less than the grace', [waiting, { since: 4999 }], 'keep'],
    ['the next authority is published for the grace', [waiting, { since: 5000 }], 'promote'],
    [
      'the next authority is in one of two caBundles',
      [waiting, { since: 9000, bundles: [writeBundle(waiting.authorities), writeBundle(state.authorities)] }],
      'publish',
    ],
    [
      'an authority is out of use for less than the overlap',
      [{ ...waiting, next: undefined } as never, { since: 3_599_999 }],
      'keep',
    ],
    [
      'an authority is out of use for the overlap',
      [{ ...waiting, next: undefined } as never, { since: 3_600_000 }],
      'dropOldCa',
    ],
    ['the certificate is just not due', [state, { after: 20 * DAY - 1 }], 'keep'],
    ['the certificate is due', [state, { after: 20 * DAY }], 'renewLeaf'],
    ['the certificate has expired', [state, { after: 40 * DAY }], 'renewLeaf'],
    ['the certificate is due, its authority has lost its key', [keyless, { after: 20 * DAY }], 'stageNextCa'],
    ['the certificate is due during a change of authority', [waiting, { after: 20 * DAY }], 'renewLeaf'],
    ['a name is missing', [state, { names: [...names, 'other.svc'] }], 'renewLeaf'],
    ['a name is missing, and the key', [keyless, { names: [...names, 'other.svc'] }], 'stageNextCa'],
    ['the authority is due', [state, { after: 200 * DAY }], 'stageNextCa'],
    [
      'certificate and authority end together, the next one waits',
      [lastWaiting, { after: 298 * DAY }],
      'keep',
    ],
  ])('%s', (_name, [stored, given], kind) => {
    expect(decide(stored, given).kind).toBe(kind);
  });

  it('looks again when the next thing falls due', () => {
    expect(decide(state, {})).toEqual({ kind: 'keep', nextCheckAt: START + 20 * DAY });
    expect(decide(waiting, { since: 1000 })).toEqual({ kind: 'keep', nextCheckAt: START + 4000 });
  });

  it('what is trusted stays trusted when everything is made anew', () => {
    const step = decide(undefined, { bundles: [stranger.pem, writeBundle(state.authorities)] });
    expect(step).toMatchObject({ kind: 'createAll', trusted: [stranger, ...state.authorities] });
  });
});
