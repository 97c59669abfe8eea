import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Around } from '../proxy/around.ts';
import { type BodyCopy, copyBody } from './body-copy.ts';
import { offer, type TapDeps } from './offer.ts';
import { type RecordHead, recordHead } from './record.ts';

/** Copies requests and responses as they stream by, without delaying either, and offers them for delivery. */
export function createTap(deps: TapDeps): Around {
  const { settings, room, newId } = deps;
  const { requests, responses, allStatuses, headers, maxBodyBytes } = settings;
  return (incoming, outgoing, { forward, onOver }) => {
    const head = recordHead(incoming.rawHeaders, headers, newId);
    let request: BodyCopy | undefined;
    if (requests) {
      request = copyBody(room, maxBodyBytes);
      tapRequest(deps, incoming, head, request);
    }
    let response: BodyCopy | undefined;
    if (responses) {
      response = copyBody(room, maxBodyBytes);
      tapResponse(outgoing, allStatuses, response);
    }
    onOver(() => {
      request?.cancel();
      if (response === undefined) return;
      // Only what went to the client is logged; a cut answer is not.
      if (outgoing.writableFinished && isLogged(outgoing, allStatuses))
        offer(deps, head, 'response', response);
      else response.cancel();
    });
    forward();
  };
}

/**
 * Node's parser passes a body to its message by `push`, and the message's reader takes it from there. So this sees each
 * byte when it arrives, and changes nothing for the reader.
 */
function tapRequest(deps: TapDeps, incoming: IncomingMessage, head: RecordHead, copy: BodyCopy): void {
  const { push } = incoming;
  incoming.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk !== null) copy.add(chunk);
    else if (incoming.complete) offer(deps, head, 'request', copy);
    return push.call(incoming, chunk, encoding);
  };
}

function tapResponse(outgoing: ServerResponse, allStatuses: boolean, copy: BodyCopy): void {
  const see = (chunk: unknown, encoding: unknown): void => {
    if (chunk === undefined || chunk === null || !isLogged(outgoing, allStatuses)) return;
    if (Buffer.isBuffer(chunk)) copy.add(chunk);
    else if (typeof chunk === 'string')
      copy.add(Buffer.from(chunk, isEncoding(encoding) ? encoding : 'utf8'));
  };
  type Args = [chunk?: unknown, encoding?: unknown, callback?: unknown];
  const write = outgoing.write as (...args: Args) => boolean;
  const end = outgoing.end as (...args: Args) => ServerResponse;
  outgoing.write = (chunk?: unknown, encoding?: unknown, callback?: unknown) => {
    see(chunk, encoding);
    return write.call(outgoing, chunk, encoding, callback);
  };
  outgoing.end = (chunk?: unknown, encoding?: unknown, callback?: unknown) => {
    see(chunk, encoding);
    return end.call(outgoing, chunk, encoding, callback);
  };
}

function isLogged({ statusCode }: ServerResponse, allStatuses: boolean): boolean {
  return statusCode === 200 || allStatuses;
}

function isEncoding(encoding: unknown): encoding is BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding);
}
