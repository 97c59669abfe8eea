import type { Certificate, CertificateState, Fingerprint, Issue, Leaf } from './certificate.decide.ts';

/** A new authority, and the first certificate under it. */
interface FreshIssue {
  readonly authority: Certificate;
  readonly issue: Issue;
}

/** The very first state, or one after everything was lost except the `trusted` authorities. */
export function created({ authority, issue }: FreshIssue, trusted: readonly Certificate[]): CertificateState {
  return { authorities: [...trusted, authority], serving: issue };
}

/** The new authority is trusted beside the others; its certificate is not served yet. */
export function staged(state: CertificateState, { authority, issue }: FreshIssue): CertificateState {
  return { ...state, authorities: [...state.authorities, authority], next: issue };
}

/** The staged certificate is served from now on. */
export function promoted({ authorities }: CertificateState, next: Issue): CertificateState {
  return { authorities, serving: next };
}

/** A new certificate from the authority of the one it replaces. */
export function renewed(state: CertificateState, leaf: Leaf): CertificateState {
  return { ...state, serving: { ...state.serving, leaf } };
}

/** Authorities that the API servers already trust are recorded. */
export function adopted(state: CertificateState, strangers: readonly Certificate[]): CertificateState {
  return { ...state, authorities: [...strangers, ...state.authorities] };
}

export function dropped(state: CertificateState, gone: ReadonlySet<Fingerprint>): CertificateState {
  return { ...state, authorities: state.authorities.filter(({ fingerprint }) => !gone.has(fingerprint)) };
}

/** The authorities of the current and the next certificate. */
export function authoritiesInUse({ serving, next }: CertificateState): Set<Fingerprint> {
  return new Set([serving.leaf.issuer, ...(next === undefined ? [] : [next.leaf.issuer])]);
}
