import { isRecord } from '../../lib/json.ts';
import type { ObjectMeta } from '../../contract/kubernetes.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';

/** `{{ … }}`, also with Go's dashes, which trim the blanks around it. */
const PLACEHOLDER = /\{\{-?\s*([^]*?)\s*-?\}\}/g;
const FIELD = /^\.(Name|Namespace|UID|Labels|Annotations)(?:\.([A-Za-z_][A-Za-z0-9_]*))?$/;
/** For keys with other characters than letters and digits. */
const INDEX = /^index\s+\.(Labels|Annotations)\s+"([^"\\]*)"$/;

/**
 * Fills KServe's placeholders in a runtime's container with the InferenceService's metadata (`ReplacePlaceholders`): Go
 * templates over its ObjectMeta. Runtimes use `{{.Name}}`, `{{.Namespace}}`, `{{.UID}}`, `{{.Labels.key}}`,
 * `{{.Annotations.key}}` and `{{index .Labels "a/key"}}`.
 * @returns the container, and a sentence for each placeholder without a value. KServe would write `<no value>` into the
 * pod for a missing label.
 */
export function fillPlaceholders(
  container: JsonObject,
  metadata: ObjectMeta,
): { readonly container: JsonObject; readonly faults: readonly string[] } {
  const faults = new Set<string>();

  function fillText(text: string): string {
    return text.replace(PLACEHOLDER, (placeholder, expression: string) => {
      const value = evaluate(expression, metadata);
      if (value.kind === 'value') return value.text;
      faults.add(`${placeholder} ${value.message}`);
      return placeholder;
    });
  }

  function fill(value: JsonValue): JsonValue {
    if (typeof value === 'string') return fillText(value);
    if (Array.isArray(value)) return value.map(fill);
    return isRecord(value) ? fillRecord(value) : value;
  }

  function fillRecord(record: JsonObject): JsonObject {
    return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, fill(value)]));
  }

  return { container: fillRecord(container), faults: [...faults] };
}

type Evaluation =
  { readonly kind: 'value'; readonly text: string } | { readonly kind: 'fault'; readonly message: string };

function evaluate(expression: string, metadata: ObjectMeta): Evaluation {
  const [, field = '', key] = FIELD.exec(expression) ?? INDEX.exec(expression) ?? [];
  switch (field) {
    case 'Labels':
      return entryOf(metadata.labels, 'label', key);
    case 'Annotations':
      return entryOf(metadata.annotations, 'annotation', key);
    case 'Name':
    case 'Namespace':
    case 'UID':
      if (key === undefined) return { kind: 'value', text: scalarOf(field, metadata) };
  }
  return {
    kind: 'fault',
    message:
      'is not known; use {{.Name}}, {{.Namespace}}, {{.UID}}, {{.Labels.key}}, {{.Annotations.key}} and {{index .Labels "key"}}',
  };
}

function scalarOf(
  field: 'Name' | 'Namespace' | 'UID',
  { name, namespace = '', uid = '' }: ObjectMeta,
): string {
  return field === 'Name' ? name : field === 'Namespace' ? namespace : uid;
}

function entryOf(
  entries: Readonly<Record<string, string>> | undefined,
  what: string,
  key: string | undefined,
): Evaluation {
  if (key === undefined) return { kind: 'fault', message: `needs the key of the ${what}` };
  const text = entries !== undefined && Object.hasOwn(entries, key) ? entries[key] : undefined;
  return text === undefined
    ? { kind: 'fault', message: `refers to the ${what} ${key}, which the InferenceService does not have` }
    : { kind: 'value', text };
}
