import type { Certificate, CertificateState, Fingerprint, Issue, Leaf } from './certificate.decide.ts';

/** An authority fresh from its making, and the first certificate under it. */
interface FreshIssue {
  readonly authority: Certificate;
  readonly issue: Issue;
}

/** The first state of all, or one after everything was lost but what is `trusted` still. */
export function created({ authority, issue }: FreshIssue, trusted: readonly Certificate[]): CertificateState {
  return { authorities: [...trusted, authority], serving: issue };
}

/** The new authority is trusted beside the others; what it signed waits. */
export function staged(state: CertificateState, { authority, issue }: FreshIssue): CertificateState {
  return { ...state, authorities: [...state.authorities, authority], next: issue };
}

/** What waited is served from now on. */
export function promoted({ authorities }: CertificateState, next: Issue): CertificateState {
  return { authorities, serving: next };
}

/** A new certificate from the authority that signed the one it replaces. */
export function renewed(state: CertificateState, leaf: Leaf): CertificateState {
  return { ...state, serving: { ...state.serving, leaf } };
}

/** These authorities, which the API servers trust already, go on record. */
export function adopted(state: CertificateState, strangers: readonly Certificate[]): CertificateState {
  return { ...state, authorities: [...strangers, ...state.authorities] };
}

export function dropped(state: CertificateState, gone: ReadonlySet<Fingerprint>): CertificateState {
  return { ...state, authorities: state.authorities.filter(({ fingerprint }) => !gone.has(fingerprint)) };
}

/** The authorities that signed what is served or will be. */
export function authoritiesInUse({ serving, next }: CertificateState): Set<Fingerprint> {
  return new Set([serving.leaf.issuer, ...(next === undefined ? [] : [next.leaf.issuer])]);
}
