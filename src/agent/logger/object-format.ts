import { EVENT_TYPES } from './event-types.ts';
import { goJson } from './go-text.ts';
import { goUrl, goUrlText } from './go-url.ts';
import { metadataJson, type LogRecord } from './record.ts';
import type { LogOrigin } from './settings.ts';

/** A record as KServe's marshallers get it, in KServe's order. Source: KServe v0.20, pkg/logger/types.go. */
export function logRequest(record: LogRecord, origin: LogOrigin): Record<string, unknown> {
  const all = {
    url: goUrl(origin.logUrl),
    bytes: record.body.toString('base64'),
    contentType: record.contentType,
    reqType: EVENT_TYPES[record.kind],
    id: record.id,
    sourceUri: goUrl(origin.sourceUri),
    inferenceService: origin.inferenceService,
    namespace: origin.namespace,
    component: origin.component,
    endpoint: origin.endpoint,
    metadata: sorted(record.metadata),
    annotations: sorted(annotationsOf(record, origin)),
    certName: origin.certName,
    tlsSkipVerify: origin.tlsSkipVerify,
    occurrenceTime: new Date(record.time).toISOString(),
  };
  // Go's omitempty. Only the bytes, which are behind a pointer, are present when empty.
  const isThere = ([name, value]: [string, unknown]) =>
    name === 'bytes' || (value !== '' && value !== false && value !== undefined);
  return Object.fromEntries(Object.entries(all).filter(isThere));
}

/** A batch in JSON: a single record without a list, else a list. */
export function jsonOf(batch: readonly LogRecord[], origin: LogOrigin): Buffer {
  const requests = batch.map((record) => logRequest(record, origin));
  return Buffer.from(goJson(requests.length === 1 ? requests[0] : requests));
}

/** The columns of CSV and Parquet. Source: KServe v0.17, pkg/logger/marshaller_record.go. */
export const TEXT_COLUMNS = [
  ...['url', 'bytes', 'contentType', 'reqType', 'id', 'sourceUri', 'inferenceService', 'namespace'],
  ...['component', 'endpoint', 'metadata', 'annotations', 'certName'],
] as const;
/** The last column, the only one that is not text. */
export const FLAG_COLUMN = 'tlsSkipVerify';

/** A record's texts, in the order of the columns. */
export function textsOf(record: LogRecord, origin: LogOrigin): string[] {
  const annotations = annotationsOf(record, origin);
  return [
    goUrlText(origin.logUrl),
    record.body.toString('base64'),
    record.contentType,
    EVENT_TYPES[record.kind],
    record.id,
    goUrlText(origin.sourceUri),
    origin.inferenceService,
    origin.namespace,
    origin.component,
    origin.endpoint,
    record.metadata.size === 0 ? '' : metadataJson(record.metadata),
    annotations.size === 0 ? '' : metadataJson(annotations),
    origin.certName,
  ];
}

/** A batch in CSV as Go's encoding/csv writes it, with a line of names. */
export function csvOf(batch: readonly LogRecord[], origin: LogOrigin): Buffer {
  const rows = batch.map((record) => [...textsOf(record, origin), String(origin.tlsSkipVerify)]);
  const lines = [[...TEXT_COLUMNS, FLAG_COLUMN], ...rows].map((row) => row.map(csvField).join(','));
  return Buffer.from(`${lines.join('\n')}\n`);
}

function csvField(text: string): string {
  const needsQuotes = text === '\\.' || /[",\r\n]|^\s/.test(text);
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Marks a cut body, in the place that every format has for it. */
function annotationsOf({ cutFrom }: LogRecord, { annotations }: LogOrigin): ReadonlyMap<string, string> {
  return cutFrom === undefined ? annotations : new Map([...annotations, ['truncatedfrom', String(cutFrom)]]);
}

function sorted(map: ReadonlyMap<string, unknown>): unknown {
  return map.size === 0 ? undefined : (JSON.parse(metadataJson(map)) as unknown);
}

/** An object's key, from its first record. A client's id stays one part of it, whatever it contains. */
export function objectKey(
  place: { readonly prefix: string; readonly storePath: string },
  first: LogRecord,
  origin: LogOrigin,
  extension: string,
): string {
  const { namespace, inferenceService, component } = origin;
  const folder = joinKey([place.prefix, namespace, inferenceService, component, place.storePath]);
  const id = first.id.replace(/[/\\\p{Cc}]/gu, encodeURIComponent);
  return `${folder}/${id}-${first.kind}.${extension}`;
}

/** Joins parts of a path as Go's path.Join does, for keys: no empty parts, no dots. */
function joinKey(parts: readonly string[]): string {
  const joined: string[] = [];
  for (const part of parts.join('/').split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') joined.pop();
    else joined.push(part);
  }
  return joined.join('/');
}
