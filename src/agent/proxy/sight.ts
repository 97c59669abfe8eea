import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodySight, Sight } from './around.ts';

/**
 * Has the body of a request seen as it comes. Node's parser gives it to its message by `push`, and whoever reads the message
 * takes it from there; so this sees each byte when it comes, and changes nothing about who reads it and how fast.
 */
export function seeRequest(incoming: IncomingMessage, { add, end }: BodySight): void {
  const { push } = incoming;
  incoming.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk !== null) add(chunk);
    else if (incoming.complete) end();
    return push.call(incoming, chunk, encoding);
  };
}

/** Has an answer seen as it goes to the client; a cut answer never ends. */
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
