import { isRecord, recordsIn, textMapIn } from '../lib/json.ts';

/**
 * Whether labels are selected by a LabelSelector in JSON; without one everything is. What is no selector selects nothing.
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements
 */
export function selects(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  return firstUnmet(selector, labels) === undefined;
}

/** The first requirement that the labels do not meet, in words; undefined when they are selected. */
export function firstUnmet(selector: unknown, labels: Readonly<Record<string, string>>): string | undefined {
  if (selector === undefined || selector === null) return undefined;
  if (!isRecord(selector)) return 'the selector is malformed';
  const own = new Map(Object.entries(labels));
  for (const [key, value] of Object.entries(textMapIn(selector['matchLabels']))) {
    if (own.get(key) !== value) return `${key}=${value}`;
  }
  const unmet = recordsIn(selector['matchExpressions']).find((expression) => !meets(expression, own));
  return unmet === undefined ? undefined : inWords(unmet);
}

function meets(expression: Readonly<Record<string, unknown>>, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(String(expression['key']));
  const values: unknown[] = Array.isArray(expression['values']) ? expression['values'] : [];
  switch (expression['operator']) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    default:
      return false;
  }
}

function inWords({ key, operator, values }: Readonly<Record<string, unknown>>): string {
  const set = Array.isArray(values) && values.length > 0 ? ` (${values.join(', ')})` : '';
  return `${String(key)} ${String(operator)}${set}`;
}
