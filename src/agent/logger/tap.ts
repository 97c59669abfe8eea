import type { BodySight, Look } from '../proxy/around.ts';
import { type BodyCopy, copyBody } from './body-copy.ts';
import { offer, type TapDeps } from './offer.ts';
import { type LogRecord, type RecordHead, recordHead } from './record.ts';

const UNSEEN: BodySight = { add: () => undefined, end: () => undefined };

/**
 * Copies requests and responses as they pass, without delaying either, and offers them for delivery. The body of a gRPC
 * call is its messages, each after its length.
 */
export function createTap(deps: TapDeps): Look {
  const { settings, room, newId, lost } = deps;
  const { requests, responses, allStatuses, headers, maxBodyBytes } = settings;
  // While records are dropped, requests pay for no copies of them: this is all that is done for one.
  const dropped: BodySight = { add: () => undefined, end: lost };
  return (raw) => {
    let head: RecordHead | undefined;
    const headOf = () => (head ??= recordHead(raw, headers, newId));
    let copies: BodyCopy[] | undefined;
    const sightOf = (kind: LogRecord['kind']): BodySight => {
      if (!room.hasPlace()) return dropped;
      const copy = copyBody(room, maxBodyBytes);
      (copies ??= []).push(copy);
      return { add: copy.add, end: () => offer(deps, headOf(), kind, copy) };
    };
    return {
      request: requests ? sightOf('request') : UNSEEN,
      answer: (status) => (responses && (status === 200 || allStatuses) ? sightOf('response') : UNSEEN),
      over: () => {
        for (const copy of copies ?? []) copy.cancel();
      },
    };
  };
}
