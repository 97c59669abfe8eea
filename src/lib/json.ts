/** Any value that JSON can hold. */
export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = Record<string, JsonValue>;

/** Whether untrusted JSON is an object, whose fields then may still hold anything. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of untrusted data that should be an object; what is none has none. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

/** The objects in a list of untrusted JSON; what is no list holds none. */
export function recordsIn(value: unknown): JsonObject[] {
  return Array.isArray(value) ? (value.filter(isRecord) as JsonObject[]) : [];
}

/** Labels or annotations of untrusted JSON; entries that are no text are left out. */
export function textMapIn(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}

/** Whether objects and lists are nested in each other more than so many levels deep. Goes no deeper itself. */
export function nestsDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => nestsDeeper(inner, levels - 1));
}

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [34, 92, 44, 91, 93, 123, 125];

/**
 * Whether a text of JSON, parsed, holds at most so many values, nested so deep at most. Looking takes some milliseconds a MiB;
 * parsing as much of `[[[[` or `{},{},` and looking at each takes half a second. Of what is no JSON it says anything.
 */
export function isModestJson(
  text: string,
  most: { readonly values: number; readonly depth: number },
): boolean {
  let [values, depth, isText] = [1, 0, false];
  for (let at = 0; at < text.length && values <= most.values && depth <= most.depth; at += 1) {
    const code = text.charCodeAt(at);
    if (isText) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) isText = false;
    } else if (code === QUOTE) isText = true;
    else if (code === COMMA) values += 1;
    else if (code === OPEN_LIST || code === OPEN) {
      values += 1;
      depth += 1;
    } else if (code === CLOSE_LIST || code === CLOSE) depth -= 1;
  }
  return values <= most.values && depth <= most.depth;
}
