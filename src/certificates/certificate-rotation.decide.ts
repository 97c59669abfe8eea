import type { Certificate, CertificatePolicy, CertificateState } from './certificate.decide.ts';
import { adopted, authoritiesInUse, dropped, promoted } from './certificate-transitions.decide.ts';
import type { Observations } from './certificate-trust.decide.ts';
import type { EpochMs } from '../lib/clock.ts';

/** The contents of the shared Secret. */
export type StoredCertificates =
  | { readonly kind: 'stored'; readonly state: CertificateState }
  /** There is no usable Secret: `reason` says why. */
  | { readonly kind: 'missing'; readonly reason: string };

export interface RotationInput {
  readonly stored: StoredCertificates;
  /** The last valid state that this process has seen. */
  readonly remembered: CertificateState | undefined;
  readonly seen: Observations;
  /** The DNS names and IP addresses that the server is called by, in canonical form. */
  readonly names: readonly string[];
  readonly now: EpochMs;
  readonly policy: CertificatePolicy;
}

/** The leader's next step. It performs one at a time and reads the state again after each. */
export type RotationStep =
  | { readonly kind: 'keep'; readonly nextCheckAt: EpochMs }
  | (Reasoned &
      (
        | { readonly kind: 'publish'; readonly authorities: readonly Certificate[] }
        /** Make an authority and a certificate. The authorities trusted so far stay trusted. */
        | { readonly kind: 'createAll'; readonly trusted: readonly Certificate[] }
        /** Make an authority and a certificate, and store them as `next` in `base`. */
        | { readonly kind: 'stageNextCa'; readonly base: CertificateState }
        /** Make a certificate under the current authority. */
        | {
            readonly kind: 'renewLeaf';
            readonly state: CertificateState;
            readonly by: { readonly authority: Certificate; readonly key: string };
          }
        | { readonly kind: 'promote' | 'adoptCa' | 'restore'; readonly state: CertificateState }
        /** Publish the state's authorities before storing it: in the other order they would be adopted again. */
        | { readonly kind: 'dropOldCa'; readonly state: CertificateState }
      ));

interface Reasoned {
  /** One sentence for the log. */
  readonly reason: string;
}

/**
 * If the Secret is deleted again and again, each rotation adds one authority for the overlap. At this many, the deleted
 * Secret is only restored: some 20 KiB of caBundle, where etcd accepts objects of 1.5 MiB.
 */
const MAX_AUTHORITIES = 32;

/**
 * Decides the leader's next step. Every step keeps this rule: whatever a ready replica may serve is signed by an
 * authority in every published caBundle. So an authority is published first and used later, and removed only after it
 * has been unused for the overlap. Pure; {@link chooseServing} is the other half, run by each replica.
 */
export function decideRotation(input: RotationInput): RotationStep {
  if (input.stored.kind === 'missing') return recover(input, input.stored.reason);
  const { state } = input.stored;
  return (
    adoptStep(state, input) ??
    dropStep(state, input) ??
    publishStep(state, input) ??
    promoteStep(state, input) ??
    renewStep(state, input) ?? { kind: 'keep', nextCheckAt: nextCheckAt(state, input) }
  );
}

function recover({ remembered, seen, now }: RotationInput, reason: string): RotationStep {
  const published = unexpired(anywhere(seen), now);
  const known = unexpired(remembered?.authorities ?? [], now);
  const strangers = without(published, known);
  const usable =
    remembered !== undefined &&
    remembered.serving.leaf.notAfter > now &&
    // A replica that was disconnected for long may remember authorities that the others have removed since.
    (published.length === 0 || seen.everywhereSince.has(remembered.serving.leaf.issuer));
  if (!usable) return { kind: 'createAll', trusted: [...strangers, ...known], reason };
  const base = adopted({ ...remembered, authorities: known }, strangers);
  if (base.next !== undefined || base.authorities.length >= MAX_AUTHORITIES) {
    return { kind: 'restore', state: base, reason };
  }
  return { kind: 'stageNextCa', base, reason };
}

function adoptStep(state: CertificateState, { seen, now }: RotationInput): RotationStep | undefined {
  const strangers = without(unexpired(anywhere(seen), now), state.authorities);
  if (strangers.length === 0) return undefined;
  const reason = 'API servers trust authorities that are not on record: another replica may need them still';
  return { kind: 'adoptCa', state: adopted(state, strangers), reason };
}

function dropStep(state: CertificateState, input: RotationInput): RotationStep | undefined {
  const used = authoritiesInUse(state);
  const gone = state.authorities.filter(
    (authority) =>
      !used.has(authority.fingerprint) &&
      (authority.notAfter <= input.now || dropTime(authority, state, input) <= input.now),
  );
  if (gone.length === 0) return undefined;
  const prints = new Set(gone.map(({ fingerprint }) => fingerprint));
  const reason = `out of use for long, or expired: ${[...prints].join(', ')}`;
  return { kind: 'dropOldCa', state: dropped(state, prints), reason };
}

/** All replicas must have had the overlap to leave the old authority and to switch to the new one. */
function dropTime({ fingerprint }: Certificate, state: CertificateState, input: RotationInput): number {
  const { unusedSince, everywhereSince } = input.seen;
  const since = Math.max(
    unusedSince.get(fingerprint) ?? Infinity,
    everywhereSince.get(state.serving.leaf.issuer) ?? Infinity,
  );
  return since + input.policy.overlap;
}

function publishStep({ authorities }: CertificateState, { seen }: RotationInput): RotationStep | undefined {
  const current = seen.bundles.every(
    (bundle) => bundle.length === authorities.length && without(authorities, bundle).length === 0,
  );
  if (current) return undefined;
  return { kind: 'publish', authorities, reason: 'a caBundle differs from the authorities on record' };
}

function promoteStep(state: CertificateState, input: RotationInput): RotationStep | undefined {
  if (state.next === undefined || promoteTime(state, input) > input.now) return undefined;
  const reason = 'every API server trusts the next authority by now';
  return { kind: 'promote', state: promoted(state, state.next), reason };
}

function promoteTime({ next }: CertificateState, { seen, policy }: RotationInput): number {
  const since = next && seen.everywhereSince.get(next.leaf.issuer);
  return (since ?? Infinity) + policy.grace;
}

function renewStep(state: CertificateState, input: RotationInput): RotationStep | undefined {
  const { names, now, policy } = input;
  const { leaf, authorityKey } = state.serving;
  const authority = issuerOf(state);
  const mayStage = state.next === undefined;
  if (mayStage && (authority === undefined || now >= renewTime(authority, policy))) {
    return { kind: 'stageNextCa', base: state, reason: 'the authority nears its end' };
  }
  const missing = names.filter((name) => !leaf.names.includes(name));
  const due = now >= renewTime(leaf, policy);
  if (!due && missing.length === 0) return undefined;
  const reason = due ? 'the certificate nears its end' : `the certificate lacks ${missing.join(', ')}`;
  if (authority === undefined || authorityKey === undefined || authority.notAfter <= now) {
    return mayStage ? { kind: 'stageNextCa', base: state, reason } : undefined;
  }
  // A certificate that ends with its authority has no longer-lived successor under it.
  if (missing.length === 0 && leaf.notAfter >= authority.notAfter) return undefined;
  return { kind: 'renewLeaf', state, by: { authority, key: authorityKey }, reason };
}

/** The earliest future time at which a step is due. */
function nextCheckAt(state: CertificateState, input: RotationInput): EpochMs {
  const { now, policy } = input;
  const authority = issuerOf(state);
  const times = [
    renewTime(state.serving.leaf, policy),
    ...(authority === undefined ? [] : [renewTime(authority, policy)]),
    promoteTime(state, input),
    ...state.authorities.flatMap((each) => [each.notAfter, dropTime(each, state, input)]),
  ];
  return Math.min(...times.filter((time) => time > now)) as EpochMs;
}

function issuerOf({ authorities, serving }: CertificateState): Certificate | undefined {
  return authorities.find(({ fingerprint }) => fingerprint === serving.leaf.issuer);
}

function renewTime({ notBefore, notAfter }: Certificate, { renewAt }: CertificatePolicy): number {
  return notBefore + renewAt * (notAfter - notBefore);
}

function anywhere({ bundles }: Observations): Certificate[] {
  return [...new Map(bundles.flat().map((authority) => [authority.fingerprint, authority])).values()];
}

function unexpired(certificates: readonly Certificate[], now: EpochMs): Certificate[] {
  return certificates.filter(({ notAfter }) => notAfter > now);
}

function without(these: readonly Certificate[], those: readonly Certificate[]): Certificate[] {
  const known = new Set(those.map(({ fingerprint }) => fingerprint));
  return these.filter(({ fingerprint }) => !known.has(fingerprint));
}
