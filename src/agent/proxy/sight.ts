import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodySight, Sight } from './around.ts';

/** Observes a request and its answer. */
export function seeExchange(incoming: IncomingMessage, outgoing: ServerResponse, sight: Sight): void {
  seeRequest(incoming, sight.request);
  seeAnswer(outgoing, sight);
}

/**
 * Observes the body of a request. Node's parser passes it to its message by `push`, and the message's reader
 * takes it from there. So this sees each byte when it arrives, and changes nothing for the reader.
 */
function seeRequest(incoming: IncomingMessage, { add, end }: BodySight): void {
  const { push } = incoming;
  incoming.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk !== null) add(chunk);
    else if (incoming.complete) end();
    return push.call(incoming, chunk, encoding);
  };
}

/** Observes an answer as it goes to the client. A truncated answer never ends. */
export function seeAnswer(outgoing: ServerResponse, sight: Sight): void {
  let body: BodySight | undefined;
  const seen = (): BodySight => (body ??= sight.answer(outgoing.statusCode));
  const see = (chunk: unknown, encoding: unknown): void => {
    if (Buffer.isBuffer(chunk)) seen().add(chunk);
    else if (typeof chunk === 'string')
      seen().add(Buffer.from(chunk, isEncoding(encoding) ? encoding : 'utf8'));
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
  outgoing.on('close', () => {
    // What went to the client is what was seen.
    if (outgoing.writableFinished) seen().end();
    sight.over();
  });
}

function isEncoding(encoding: unknown): encoding is BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding);
}
