import { isRecord } from '../../lib/json.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import { ownedBelow, overOwned } from './managed-fields.decide.ts';
import type { ManagedFields } from './managed-fields.decide.ts';

/**
 * The whole spec of an object that server-side apply alone does not bring to what is wanted. An apply takes back its own fields
 * only: what the API server had filled in beside them stays, such as `rollingUpdate` beside a strategy that becomes Recreate, the
 * scheme of a probe's `httpGet` that becomes `tcpSocket`, or the mode of a volume's source; and so does what others have put in
 * the way, such as a port of the same name.
 *
 * Two are given, to be tried in this order: with everything in it that another manager owns; and, where that is in the way, with
 * the number of pods and the template's labels and annotations of others alone.
 *
 * @param own the manager whose fields are the wanted ones
 */
export function rebuiltSpecs(
  wanted: JsonObject,
  live: JsonObject,
  entries: readonly ManagedFields[],
  own: string,
): readonly JsonObject[] {
  const [ours, others] = [true, false].map((is) =>
    entries.filter(({ manager, subresource }) => subresource !== 'status' && (manager === own) === is),
  );
  const kept = { ...plainFields(live, ours ?? []), ...wanted };
  const whole = (others ?? []).reduce<JsonObject>(
    (spec, entry) => over(spec, live, ownedBelow(entry, 'spec')),
    kept,
  );
  const bare = (others ?? []).reduce<JsonObject>(
    (spec, entry) => over(spec, live, withoutDanger(entry)),
    kept,
  );
  return JSON.stringify(whole) === JSON.stringify(bare) ? [whole] : [whole, bare];
}

/**
 * What stands at the top of the spec and is no structure, such as a Service's addresses: the API server has chosen it, and by
 * the wanted fields no manager owns it.
 */
function plainFields(live: JsonObject, ours: readonly ManagedFields[]): JsonObject {
  return Object.fromEntries(
    Object.entries(live).filter(
      ([field, value]) =>
        isPlain(value) && !ours.some((entry) => ownedBelow(entry, 'spec')?.[`f:${field}`] !== undefined),
    ),
  );
}

function isPlain(value: JsonValue): boolean {
  return Array.isArray(value) ? value.every((entry) => !isRecord(entry)) : !isRecord(value);
}

function over(spec: JsonObject, live: JsonObject, owned: JsonObject | undefined): JsonObject {
  const merged = owned === undefined ? spec : overOwned(spec, live, owned);
  return isRecord(merged) ? merged : spec;
}

function withoutDanger(entry: ManagedFields): JsonObject {
  const replicas = ownedBelow(entry, 'spec')?.['f:replicas'];
  const metadata = ownedBelow(entry, 'spec', 'template', 'metadata');
  return {
    '.': {},
    ...(replicas === undefined ? {} : { 'f:replicas': replicas }),
    ...(metadata === undefined ? {} : { 'f:template': { 'f:metadata': metadata } }),
  };
}
