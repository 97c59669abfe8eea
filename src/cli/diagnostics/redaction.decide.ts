import { isRecord } from '../../lib/json.ts';
import { shownStorageUri } from '../../contract/storage-uri.ts';

/** Replaces a removed value, so that readers see that there was one. */
export const LEFT_OUT = '(left out)';

/** Annotations that are shown with their values: KServe's, Kubernetes' own of rollouts, and this project's. */
const SHOWN_ANNOTATIONS =
  /^(?:(?:internal\.)?serving\.kserve\.io|deployment\.kubernetes\.io)\/|^kserve-mms\//;
/** Variables whose values say how the manager and the agent work, and nothing that gives access. */
const SHOWN_VARIABLES = /^(?:MMS_[A-Z_]+|POD_NAME|POD_NAMESPACE|NODE_OPTIONS|USER_PORT)$/;
/** Containers whose arguments are known to hold no secret; a model server may be given anything. */
const OUR_CONTAINERS: ReadonlySet<unknown> = new Set(['agent', 'manager']);
const DROPPED: ReadonlySet<string> = new Set(['managedFields', 'caBundle']);
const ARGUMENTS: ReadonlySet<string> = new Set(['args', 'command']);
/** Lists of names with values that may give access: environment variables, and headers of probes. */
const VALUED: ReadonlySet<string> = new Set(['env', 'httpHeaders']);

/**
 * What may be shown of a Kubernetes object to people who do not know the cluster: the values of environment variables,
 * annotations and arguments only where they are known to be harmless, and no URI with a user, a password or a query. What
 * an object names, such as a Secret, stays. Secrets themselves are not for this: they are not to be read at all.
 */
export function redacted(value: unknown, within = ''): unknown {
  if (typeof value === 'string') return withoutAccess(value);
  if (Array.isArray(value)) return value.map((item: unknown) => redacted(item, within));
  if (!isRecord(value)) return value;
  if (VALUED.has(within)) return redactedVariable(value);
  const fields = Object.entries(value)
    .filter(([field]) => !DROPPED.has(field))
    .map(([field, held]): [string, unknown] => [field, redactedField(field, held, value)]);
  return Object.fromEntries(fields);
}

/** Text, such as a line of a log, in which each URI is shown without user, password and query. */
export function withoutAccess(text: string): string {
  return text.replace(/[a-z][a-z0-9+.-]*:\/\/[^\s"'`<>\\]+/gi, (uri) => shownStorageUri(uri));
}

function redactedField(field: string, held: unknown, holder: Readonly<Record<string, unknown>>): unknown {
  if (field === 'annotations' && isRecord(held)) return onlyShown(held, SHOWN_ANNOTATIONS);
  if (ARGUMENTS.has(field) && Array.isArray(held) && !OUR_CONTAINERS.has(holder['name'])) return [LEFT_OUT];
  // Of a storage spec: KServe passes them on to the storage, keys among them.
  if (field === 'parameters') return LEFT_OUT;
  return redacted(held, field);
}

function redactedVariable(variable: Readonly<Record<string, unknown>>): unknown {
  const { name, value, ...rest } = variable;
  if (value === undefined) return { name, ...rest };
  const shown = typeof name === 'string' && SHOWN_VARIABLES.test(name);
  return { name, value: shown ? redacted(value) : LEFT_OUT };
}

function onlyShown(record: Readonly<Record<string, unknown>>, shown: RegExp): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key, shown.test(key) ? redacted(value) : LEFT_OUT]),
  );
}
