import { FIELD_VALUE } from '../../lib/http-field.ts';
import { CloudEvent, HTTP } from 'cloudevents';
import type { Clock, EpochMs } from '../../lib/clock.ts';
import { goUrlString } from './go-url.ts';
import { EVENT_TYPES } from './event-types.ts';
import { metadataJson, type LogRecord } from './record.ts';
import type { LogOrigin } from './settings.ts';

/** The number of kinds of events whose headers are kept. Clients choose content types, so there may be any number. */
const MOST_KEPT = 32;

/** The values that differ in each event. */
const OWN = new Map<string, (record: LogRecord, sentAt: EpochMs) => string>([
  ['ce-id', ({ id }) => id],
  ['ce-time', ({ time }) => new Date(time).toISOString()],
  ['ce-recordedtime', (_, sentAt) => new Date(sentAt).toISOString()],
  ['ce-metadata', ({ metadata }) => asBytes(metadataJson(metadata))],
]);

/** The lines of a head: text that all events of a kind share, or a placeholder for an event's value. */
type HeadParts = readonly (string | ((record: LogRecord, sentAt: EpochMs) => string))[];

/**
 * Makes the header lines of events in binary mode, one character a byte. The package makes and validates one event of
 * each kind and content type. Later ones differ only in the inserted values, which no rule of the specification
 * forbids. To make and validate each took as long as to send it. `recordedtime` is KServe's since v0.19; a consumer
 * that does not know it ignores it.
 * @returns a function that throws for an event that violates the specification, or that no header can carry
 */
export function eventHeadMaker(origin: LogOrigin, clock: Pick<Clock, 'now'>): (record: LogRecord) => string {
  const kept = new Map<string, HeadParts>();
  return (record) => {
    const sentAt = clock.now();
    if (record.cutFrom !== undefined)
      return headOf(partsOf(eventHeaders(record, origin, sentAt)), record, sentAt);
    const key = `${record.kind} ${record.contentType}`;
    let parts = kept.get(key);
    if (parts === undefined) {
      parts = partsOf(eventHeaders(record, origin, sentAt));
      if (kept.size >= MOST_KEPT) kept.clear();
      kept.set(key, parts);
    }
    return headOf(parts, record, sentAt);
  };
}

function partsOf(headers: readonly (readonly [name: string, value: string])[]): HeadParts {
  const parts: (string | ((record: LogRecord, sentAt: EpochMs) => string))[] = [];
  let shared = '';
  for (const [name, value] of headers) {
    const own = OWN.get(name);
    shared += `${name}: `;
    if (own === undefined) shared += headerValue(value);
    else {
      parts.push(shared, own);
      shared = '';
    }
    shared += '\r\n';
  }
  return [...parts, shared];
}

function headOf(parts: HeadParts, record: LogRecord, sentAt: EpochMs): string {
  let head = '';
  for (const part of parts) head += typeof part === 'string' ? part : headerValue(part(record, sentAt));
  return head;
}

function headerValue(value: string): string {
  if (FIELD_VALUE.test(value)) return value;
  throw new Error(`no header can carry ${JSON.stringify(value)}`);
}

/**
 * The headers of a record's event, made by the package. The body is sent beside them: if the package had it, it would
 * encode it as base64 for nothing.
 * @param sentAt when the event leaves; its own time is when the request or response came
 * @throws what the package throws for an event that violates the specification
 */
function eventHeaders(
  record: LogRecord,
  origin: LogOrigin,
  sentAt: EpochMs,
): [name: string, value: string][] {
  const event = new CloudEvent({
    id: record.id,
    type: EVENT_TYPES[record.kind],
    source: goUrlString(origin.sourceUri),
    time: new Date(record.time).toISOString(),
    ...(record.contentType === '' ? {} : { datacontenttype: record.contentType }),
    recordedtime: new Date(sentAt).toISOString(),
    inferenceservicename: origin.inferenceService,
    namespace: origin.namespace,
    component: origin.component,
    endpoint: origin.endpoint,
    metadata: metadataJson(record.metadata),
    ...(origin.annotations.size === 0 ? {} : { annotations: metadataJson(origin.annotations) }),
    ...(record.cutFrom === undefined ? {} : { truncatedfrom: String(record.cutFrom) }),
  });
  const headers: [string, string][] = [];
  for (const [name, value] of Object.entries(HTTP.binary(event).headers)) {
    // The package adds a content type if there is none.
    if (name === 'content-type' && record.contentType === '') continue;
    const text = String(value);
    // The id and the type keep the client's bytes. JSON is text, and goes as UTF-8 as in Go.
    headers.push([name, name === 'ce-metadata' || name === 'ce-annotations' ? asBytes(text) : text]);
  }
  return headers;
}

function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
