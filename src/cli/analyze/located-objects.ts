import { type Document, isMap, isNode, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { AnalyzedObject, FieldPath } from './finding.decide.ts';
import type { FindingCode } from './catalogue.decide.ts';
import { messageOf } from '../../lib/errors.ts';
import { isRecord } from '../../lib/json.ts';

/** The position of something in a file; both from 1, as editors count. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** An object that can say where its fields stand. */
export interface LocatedObject extends AnalyzedObject {
  readonly placeOf: (path: FieldPath) => Place;
}

/** The result of reading a file, before its objects are checked. */
export interface FileFinding {
  readonly code: FindingCode;
  readonly place: Place;
  readonly message: string;
}

interface FileReading {
  readonly objects: readonly LocatedObject[];
  readonly findings: readonly FileFinding[];
}

/** Helm's own language; a ServingRuntime's `{{.Name}}` is none of it, nor are the variables of an alert of Prometheus. */
const HELM =
  /\{\{-?\s*(\.(Values|Release|Chart|Capabilities|Files)\b|\$(?!(labels|value|externalLabels)\b)|(include|template|if|range|with|end|toYaml|define)\b)/;
const MOST_ALIASES = 100;

/** The objects of a YAML or JSON text, lists taken apart; what is none is a finding, and nothing throws. */
export function readObjects(file: string, text: string): FileReading {
  const helm = HELM.exec(text);
  const lines = new LineCounter();
  if (helm !== null) {
    const line = text.slice(0, helm.index).split('\n').length;
    const message = 'this is a template of Helm and was left out';
    return { objects: [], findings: [{ code: 'MMS103', place: { file, line, column: 1 }, message }] };
  }
  const objects: LocatedObject[] = [];
  const findings: FileFinding[] = [];
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  for (const document of documents as Document.Parsed[]) {
    const placeOf = placesIn(document, file, lines);
    const [fault] = document.errors;
    const value = fault === undefined ? valueOf(document) : new Error(fault.message);
    if (value instanceof Error) {
      const place = fault === undefined ? placeOf([]) : placeAt(file, lines, fault.pos[0]);
      findings.push({ code: 'MMS102', place, message: value.message });
    } else collect(value, [], placeOf, { objects, findings });
  }
  return { objects, findings };
}

/** Resolving aliases can fail after parsing has not. */
function valueOf(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES });
  } catch (thrown) {
    return new Error(messageOf(thrown));
  }
}

function collect(
  value: unknown,
  path: FieldPath,
  placeOf: (path: FieldPath) => Place,
  into: { readonly objects: LocatedObject[]; readonly findings: FileFinding[] },
): void {
  // Between two lines of `---` there may be nothing.
  if (value === null || value === undefined) return;
  const { apiVersion, kind, items } = isRecord(value) ? value : {};
  if (!isRecord(value) || typeof apiVersion !== 'string' || typeof kind !== 'string') {
    const message = 'this has no apiVersion and kind, and was left out';
    into.findings.push({ code: 'MMS104', place: placeOf(path), message });
  } else if (Array.isArray(items) && kind.endsWith('List')) {
    for (const [index, item] of items.entries()) collect(item, [...path, 'items', index], placeOf, into);
  } else {
    const place = (field: FieldPath): Place => placeOf([...path, ...field]);
    into.objects.push({ apiVersion, kind, object: value, placeOf: place });
  }
}

/** The place of a field's key, or of what is nearest around a field that is not there. */
function placesIn(document: Document.Parsed, file: string, lines: LineCounter): (path: FieldPath) => Place {
  return (path) => {
    let node: unknown = document.contents;
    let offset = offsetOf(node) ?? document.range[0];
    for (const part of path) {
      const next = isMap(node)
        ? pairOf(node, part)
        : isSeq(node)
          ? { key: undefined, value: node.items[Number(part)] }
          : undefined;
      if (next === undefined) break;
      offset = offsetOf(next.key) ?? offsetOf(next.value) ?? offset;
      node = next.value;
    }
    return placeAt(file, lines, offset);
  };
}

function pairOf(
  map: { readonly items: readonly { readonly key: unknown; readonly value: unknown }[] },
  key: string | number,
): { readonly key: unknown; readonly value: unknown } | undefined {
  return map.items.find((pair) => isRecord(pair.key) && pair.key['value'] === key);
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function placeAt(file: string, lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(1, line), column: Math.max(1, col) };
}
