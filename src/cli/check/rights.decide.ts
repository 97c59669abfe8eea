import type { Lookup } from '../../lib/lookup.ts';
import { check } from './checks.decide.ts';
import type { Check, CheckId } from './checks.decide.ts';

/** A right that something needs, and whether the user has it. */
export interface RightFacts {
  /** As a person would say it: `patch pods`. */
  readonly right: string;
  /** The setting with which it is not needed. */
  readonly unless?: string | undefined;
  readonly allowed: Lookup<boolean>;
}

/** @param who `you`; `fine` is the message when none is missing */
export function rightsCheck(
  id: CheckId,
  rights: readonly RightFacts[],
  { who, fine }: { readonly who: string; readonly fine: string },
): Check {
  const missing = rights.filter(({ allowed }) => allowed.kind === 'known' && !allowed.value);
  if (missing.length > 0) {
    const each = missing.map(({ right, unless }) =>
      unless === undefined ? right : `${right} (unless ${unless})`,
    );
    const outcome = missing.some(({ unless }) => unless === undefined) ? 'failed' : 'warning';
    return check(id, { outcome, message: `${who} may not: ${each.join(', ')}` });
  }
  const unknown = rights.find(({ allowed }) => allowed.kind === 'unreadable')?.allowed;
  if (unknown?.kind === 'unreadable') return check(id, { outcome: 'unknown', message: unknown.why });
  return check(id, { outcome: 'ok', message: fine });
}
