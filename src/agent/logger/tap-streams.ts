import type { AroundStreams, BodySight } from '../proxy/around.ts';
import { type BodyCopy, copyBody } from './body-copy.ts';
import { offer, type TapDeps } from './offer.ts';
import { type LogRecord, type RecordHead, recordHead } from './record.ts';

const UNSEEN: BodySight = { add: () => undefined, end: () => undefined };

/** Logs streams of HTTP/2, such as gRPC calls. Their bodies are the messages, each after its length. */
export function createStreamTap(deps: TapDeps): AroundStreams {
  const { settings, newId } = deps;
  const { requests, responses, allStatuses } = settings;
  return (raw) => {
    const head = recordHead(raw, settings.headers, newId);
    const copies: BodyCopy[] = [];
    const sightOf = (kind: LogRecord['kind']): BodySight => {
      const copy = copyBody(deps.room, settings.maxBodyBytes);
      copies.push(copy);
      return loggedBody(deps, head, kind, copy);
    };
    return {
      request: requests ? sightOf('request') : UNSEEN,
      answer: (status) => (responses && (status === 200 || allStatuses) ? sightOf('response') : UNSEEN),
      over: () => {
        for (const copy of copies) copy.cancel();
      },
    };
  };
}

function loggedBody(deps: TapDeps, head: RecordHead, kind: LogRecord['kind'], copy: BodyCopy): BodySight {
  return { add: copy.add, end: () => offer(deps, head, kind, copy) };
}
