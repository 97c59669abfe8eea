import {
  readBundle,
  type Certificate,
  type CertificatePolicy,
  type CertificateReader,
  type CertificateState,
  type Fingerprint,
  type Leaf,
} from './certificate.decide.ts';
import { authoritiesInUse } from './certificate-transitions.decide.ts';
import type { EpochMs, Milliseconds } from '../lib/clock.ts';

/**
 * What a process has observed of the certificates, and since when without a break. No time is stored in the cluster:
 * each process counts from its own observations, so that no other's clock or crash can make it act too early.
 */
export interface Observations {
  /** When the last check began: observations may be that old. */
  readonly at: EpochMs;
  /** The authorities in the caBundle of each of our webhooks, which API servers trust. */
  readonly bundles: readonly (readonly Certificate[])[];
  /** The authorities that are in every caBundle. */
  readonly everywhereSince: ReadonlyMap<Fingerprint, EpochMs>;
  /** Recorded authorities that signed neither the current nor the next certificate. */
  readonly unusedSince: ReadonlyMap<Fingerprint, EpochMs>;
}

export const NOTHING_SEEN: Observations = {
  at: 0 as EpochMs,
  bundles: [],
  everywhereSince: new Map(),
  unusedSince: new Map(),
};

/**
 * The same observations after the wall clock was set forward or back by this much: they have not become older by that.
 */
export function afterClockStep(seen: Observations, step: Milliseconds): Observations {
  const moved = (time: EpochMs): EpochMs => (time + step) as EpochMs;
  const each = (times: ReadonlyMap<Fingerprint, EpochMs>): ReadonlyMap<Fingerprint, EpochMs> =>
    new Map([...times].map(([print, time]) => [print, moved(time)]));
  return {
    ...seen,
    at: moved(seen.at),
    everywhereSince: each(seen.everywhereSince),
    unusedSince: each(seen.unusedSince),
  };
}

/** Adds one reading of the caBundles (PEM) and, if it was usable, of the shared state. */
export function observe(
  before: Observations,
  look: {
    readonly began: EpochMs;
    /** Observations may be that recent. */
    readonly ended: EpochMs;
    readonly caBundles: readonly string[];
    readonly state: CertificateState | undefined;
  },
  { overlap }: CertificatePolicy,
  reader: CertificateReader,
): Observations {
  const { began, ended, caBundles, state } = look;
  // After so long a break anything may have happened.
  const known = began - before.at > overlap / 2 ? NOTHING_SEEN : before;
  const bundles = caBundles.map((bundle) => readBundle(bundle, reader));
  return {
    at: began,
    bundles,
    everywhereSince: since(inEvery(bundles), known.everywhereSince, ended),
    unusedSince: state === undefined ? known.unusedSince : since(unused(state), known.unusedSince, ended),
  };
}

function inEvery([first = [], ...others]: readonly (readonly Certificate[])[]): Fingerprint[] {
  return first
    .map(({ fingerprint }) => fingerprint)
    .filter((print) => others.every((bundle) => bundle.some(({ fingerprint }) => fingerprint === print)));
}

function unused(state: CertificateState): Fingerprint[] {
  const used = authoritiesInUse(state);
  return state.authorities.map(({ fingerprint }) => fingerprint).filter((print) => !used.has(print));
}

function since(
  present: readonly Fingerprint[],
  before: ReadonlyMap<Fingerprint, EpochMs>,
  now: EpochMs,
): ReadonlyMap<Fingerprint, EpochMs> {
  return new Map(present.map((print) => [print, before.get(print) ?? now]));
}

type ServingChoice =
  | { readonly kind: 'serve'; readonly leaf: Leaf }
  /** The right certificate is being served. */
  | { readonly kind: 'keep' }
  /** Another certificate should be served, but API servers may not trust it yet. */
  | { readonly kind: 'wait'; readonly reason: string };

/**
 * The certificate that a replica serves. The leader has already waited before it changed the record, but a Secret may
 * also be lost or replaced from outside, so each replica checks for itself. If it serves a trusted certificate already,
 * only one that has been trusted for a while replaces it.
 */
export function chooseServing(input: {
  readonly state: CertificateState;
  readonly served: Leaf | undefined;
  readonly seen: Observations;
  readonly now: EpochMs;
  readonly policy: CertificatePolicy;
}): ServingChoice {
  const { state, served, seen, now, policy } = input;
  const wanted = state.serving.leaf;
  if (wanted.fingerprint === served?.fingerprint) return { kind: 'keep' };
  const trustedSince = seen.everywhereSince.get(wanted.issuer);
  if (trustedSince === undefined) {
    return { kind: 'wait', reason: 'the caBundle of the webhook configurations lacks its authority' };
  }
  const waited = now >= trustedSince + policy.grace;
  // Then no replica can serve anything else that is trusted, and the first start need not wait.
  const isOnlyAuthority = state.authorities.length === 1;
  const servesWell = served !== undefined && served.notAfter > now && seen.everywhereSince.has(served.issuer);
  if (servesWell && wanted.notAfter <= now) return { kind: 'wait', reason: 'it has expired' };
  return waited || (!servesWell && isOnlyAuthority) ? { kind: 'serve', leaf: wanted } : tooEarly;
}

const tooEarly: ServingChoice = {
  kind: 'wait',
  reason: 'its authority is published, but perhaps not known to every API server yet',
};
