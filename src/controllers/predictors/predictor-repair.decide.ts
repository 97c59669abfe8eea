import { isRecord } from '../../lib/json.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import { ownedBelow, overOwned } from './managed-fields.decide.ts';
import type { ManagedFields } from './managed-fields.decide.ts';

/**
 * The whole spec of an object that server-side apply cannot bring to the desired state. An apply removes its own fields
 * only. Defaults that the API server added beside them stay, such as `rollingUpdate` beside a strategy that becomes
 * Recreate, the scheme of a probe's `httpGet` that becomes `tcpSocket`, or the mode of a volume's source. Fields of
 * others that conflict stay too, such as a port of the same name.
 *
 * Returns two specs, to be tried in this order: one with everything that another manager owns; and, if that conflicts,
 * one with only the number of pods and the template's labels and annotations of others.
 * @param own the manager whose fields are the desired ones
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
 * Plain values at the top of the spec that no manager owns, such as a Service's addresses: the API server chose them
 * from the desired fields.
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
