import { CloudEvent, HTTP } from 'cloudevents';
import type { Clock, EpochMs } from '../../lib/clock.ts';
import { goUrlString } from './go-url.ts';
import { EVENT_TYPES } from './event-types.ts';
import { metadataJson, type LogRecord } from './record.ts';
import type { LogOrigin } from './settings.ts';

/** Names and values in turn, a byte a character. */
export type EventHeaders = readonly string[];

/** Kinds of events to keep the headers of: clients choose content types, so that there may be any number. */
const MOST_KEPT = 32;

/**
 * Makes the headers of events in binary mode. The package makes and judges one event of each kind and content type; those that
 * follow differ in what is put in here, which no rule of the specification forbids. To make and judge each took as long as to
 * send it. `recordedtime` is KServe's since v0.19; a consumer that does not know it passes it over.
 */
export function eventHeaderMaker(
  origin: LogOrigin,
  clock: Pick<Clock, 'now'>,
): (record: LogRecord) => EventHeaders {
  const kept = new Map<string, EventHeaders>();
  return (record) => {
    const sentAt = clock.now();
    if (record.cutFrom !== undefined) return eventHeaders(record, origin, sentAt);
    const key = `${record.kind} ${record.contentType}`;
    let like = kept.get(key);
    if (like === undefined) {
      like = eventHeaders(record, origin, sentAt);
      if (kept.size >= MOST_KEPT) kept.clear();
      kept.set(key, like);
    }
    return withOwn(like, record, sentAt);
  };
}

/** The headers of an event like that of the record, but for what each event has of its own. */
function withOwn(like: EventHeaders, { id, time, metadata }: LogRecord, sentAt: EpochMs): EventHeaders {
  const headers = [...like];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index];
    if (name === 'ce-id') headers[index + 1] = id;
    else if (name === 'ce-time') headers[index + 1] = new Date(time).toISOString();
    else if (name === 'ce-recordedtime') headers[index + 1] = new Date(sentAt).toISOString();
    else if (name === 'ce-metadata') headers[index + 1] = asBytes(metadataJson(metadata));
  }
  return headers;
}

/**
 * The headers of a record's event, by the package. The body goes beside them: given to the package, it would be
 * encoded as base64 for nothing.
 * @param sentAt the time of the event is when the request or response came; this is when it leaves
 * @throws what the package throws for an event that breaks the specification
 */
function eventHeaders(record: LogRecord, origin: LogOrigin, sentAt: EpochMs): EventHeaders {
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
  const headers: string[] = [];
  for (const [name, value] of Object.entries(HTTP.binary(event).headers)) {
    // The package gives a content type to what has none.
    if (name === 'content-type' && record.contentType === '') continue;
    const text = String(value);
    // The id and the type are as the client's bytes were; JSON is text, which goes as UTF-8 as it does in Go.
    headers.push(name, name === 'ce-metadata' || name === 'ce-annotations' ? asBytes(text) : text);
  }
  return headers;
}

function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
