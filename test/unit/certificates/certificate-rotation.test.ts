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

/** The state observed at `seenAt`, and the decision `later` ms after it. */
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

describe('the next step of the leader', () => {
  it.each<[string, Parameters<typeof decide>, string]>([
    ['nothing is there', [undefined, { bundles: ['', ''] }], 'createAll'],
    ['no webhook is registered', [undefined, { bundles: [] }], 'createAll'],
    [
      'the Secret is gone, its content is remembered',
      [undefined, { remembered: state, bundles: [writeBundle(state.authorities)] }],
      'stageNextCa',
    ],
    [
      'the Secret is gone during a change of authority',
      [undefined, { remembered: waiting, bundles: [writeBundle(waiting.authorities)] }],
      'restore',
    ],
    [
      'the Secret is gone, what is remembered is no longer trusted',
      [undefined, { remembered: state, bundles: [stranger.pem] }],
      'createAll',
    ],
    [
      'the Secret is gone, what is remembered has expired',
      [undefined, { remembered: state, bundles: [writeBundle(state.authorities)], after: 31 * DAY }],
      'createAll',
    ],
    ['the caBundles are empty', [state, { bundles: ['', ''] }], 'publish'],
    ['one of the caBundles is empty', [state, { bundles: [writeBundle(state.authorities), ''] }], 'publish'],
    [
      'a caBundle has an unknown authority',
      [state, { bundles: [writeBundle([...state.authorities, stranger])] }],
      'adoptCa',
    ],
    [
      'an unknown authority, long after it expired',
      [state, { bundles: [writeBundle([...state.authorities, stranger])], after: 301 * DAY }],
      'publish',
    ],
    ['nothing is due', [state, {}], 'keep'],
    ['nothing is due, without any webhook', [state, { bundles: [] }], 'keep'],
    ['the next authority is published for less than the grace period', [waiting, { since: 4999 }], 'keep'],
    ['the next authority is published for the grace period', [waiting, { since: 5000 }], 'promote'],
    [
      'the next authority is in one of two caBundles',
      [waiting, { since: 9000, bundles: [writeBundle(waiting.authorities), writeBundle(state.authorities)] }],
      'publish',
    ],
    [
      'an authority is unused for less than the overlap',
      [{ ...waiting, next: undefined } as never, { since: 3_599_999 }],
      'keep',
    ],
    [
      'an authority is unused for the overlap',
      [{ ...waiting, next: undefined } as never, { since: 3_600_000 }],
      'dropOldCa',
    ],
    ['the certificate is not yet due', [state, { after: 20 * DAY - 1 }], 'keep'],
    ['the certificate is due', [state, { after: 20 * DAY }], 'renewLeaf'],
    ['the certificate has expired', [state, { after: 40 * DAY }], 'renewLeaf'],
    [
      'the certificate is due, the key of its authority is lost',
      [keyless, { after: 20 * DAY }],
      'stageNextCa',
    ],
    ['the certificate is due during a change of authority', [waiting, { after: 20 * DAY }], 'renewLeaf'],
    ['a name is missing', [state, { names: [...names, 'other.svc'] }], 'renewLeaf'],
    ['a name and the key are missing', [keyless, { names: [...names, 'other.svc'] }], 'stageNextCa'],
    ['the authority is due', [state, { after: 200 * DAY }], 'stageNextCa'],
    [
      'certificate and authority expire together, the next one waits',
      [lastWaiting, { after: 298 * DAY }],
      'keep',
    ],
  ])('%s', (_name, [stored, given], kind) => {
    expect(decide(stored, given).kind).toBe(kind);
  });

  it('checks again when the next step is due', () => {
    expect(decide(state, {})).toEqual({ kind: 'keep', nextCheckAt: START + 20 * DAY });
    expect(decide(waiting, { since: 1000 })).toEqual({ kind: 'keep', nextCheckAt: START + 4000 });
  });

  it('keeps what is trusted when it creates everything again', () => {
    const step = decide(undefined, { bundles: [stranger.pem, writeBundle(state.authorities)] });
    expect(step).toMatchObject({ kind: 'createAll', trusted: [stranger, ...state.authorities] });
  });
});
