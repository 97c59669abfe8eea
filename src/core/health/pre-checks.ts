import type { Known } from '../known.ts';
import { isTakeoverIdentity } from '../kserve-controller.ts';
import { check } from './checks.ts';
import type { Check } from './checks.ts';
import { definitionsCheck } from './installed-checks.ts';
import type { DefinitionFacts, RawObject } from './installed-checks.ts';

/** One right that an installation takes, and whether the user has it. */
export interface RightFacts {
  readonly right: string;
  readonly allowed: Known<boolean>;
}

export interface PreFacts {
  readonly rights: readonly RightFacts[];
  readonly definitions: DefinitionFacts;
  /** Who holds KServe's Lease: its controllers, or a manager of ours that took over. Undefined: nobody. */
  readonly kserveHolder: Known<string | undefined>;
  /** cert-manager's definition of certificates. */
  readonly certificates: Known<RawObject | undefined>;
}

/** Whether, and how, a cluster can have the manager installed. */
export function preChecks(facts: PreFacts): readonly Check[] {
  return [rightsCheck(facts.rights), kserveCheck(facts), certManagerCheck(facts.certificates)];
}

function rightsCheck(rights: PreFacts['rights']): Check {
  const id = 'may-install';
  const missing = rights.filter(({ allowed }) => allowed.kind === 'known' && !allowed.value);
  if (missing.length > 0) {
    const message = `you may not: ${missing.map(({ right }) => right).join(', ')}`;
    return check(id, { outcome: 'failed', message });
  }
  const unknown = rights.find(({ allowed }) => allowed.kind === 'unreadable')?.allowed;
  if (unknown?.kind === 'unreadable') return check(id, { outcome: 'unknown', message: unknown.why });
  return check(id, { outcome: 'ok', message: `you may: ${rights.map(({ right }) => right).join(', ')}` });
}

function kserveCheck({ definitions, kserveHolder }: PreFacts): Check {
  const id = 'kserve-found';
  const found = definitionsCheck(definitions);
  if (kserveHolder.kind === 'unreadable') return check(id, { outcome: 'unknown', message: kserveHolder.why });
  const holder = kserveHolder.value ?? '';
  if (holder !== '' && !isTakeoverIdentity(holder))
    return check(id, {
      outcome: 'ok',
      message: `KServe's controller runs (${holder}): install manifests/overlays/beside-kserve`,
    });
  if (found.outcome === 'ok')
    return check(id, {
      outcome: 'ok',
      message: "KServe's kinds are defined, and its controller does not run: install manifests/default",
    });
  if (found.outcome === 'unknown') return check(id, { outcome: 'unknown', message: found.message });
  return check(id, {
    outcome: 'ok',
    message: 'there is no KServe: install manifests/default, which brings the definitions',
  });
}

function certManagerCheck(certificates: PreFacts['certificates']): Check {
  const id = 'cert-manager-found';
  if (certificates.kind === 'unreadable') return check(id, { outcome: 'unknown', message: certificates.why });
  const message =
    certificates.value === undefined
      ? 'cert-manager is not installed; the manager makes its own certificate'
      : 'cert-manager is installed; manifests/overlays/cert-manager has it make the certificate';
  return check(id, { outcome: 'ok', message });
}
