import { CloudEvent, HTTP } from 'cloudevents';
import type { EpochMs } from '../../lib/clock.ts';
import { goUrlString } from './go-url.ts';
import { EVENT_TYPES } from './event-types.ts';
import { metadataJson, type LogRecord } from './record.ts';
import type { LogOrigin } from './settings.ts';

/**
 * The headers of a record's event in binary mode. The body goes beside them: given to the package, it would be
 * encoded as base64 for nothing. `recordedtime` is KServe's since v0.19; a consumer that does not know it passes it over.
 * @param sentAt the time of the event is when the request or response came; this is when it leaves
 * @throws what the package throws for an event that breaks the specification
 */
export function eventHeaders(record: LogRecord, origin: LogOrigin, sentAt: EpochMs): Record<string, string> {
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
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(HTTP.binary(event).headers)) {
    // The package gives a content type to what has none.
    if (name === 'content-type' && record.contentType === '') continue;
    const text = String(value);
    // The id and the type are as the client's bytes were; JSON is text, which goes as UTF-8 as it does in Go.
    headers[name] = name === 'ce-metadata' || name === 'ce-annotations' ? asBytes(text) : text;
  }
  return headers;
}

function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
