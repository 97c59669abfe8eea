import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type Http2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { milliseconds } from '../../../lib/clock.ts';
import type { BodySight, Sight } from '../around.ts';
import type { WhileAway } from '../wake.ts';
import { answerStream } from './answers.ts';
import { GRPC_STATUS } from './grpc-message.decide.ts';

/** A stream on its way to the component. */
interface StreamExchange {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly isGrpc: boolean;
  /** The part of its body that was read. */
  readonly read: Buffer | undefined;
  /**
   * Whether its model is unknown. It may be one that sleeps, and then the component's "not found" is not
   * true.
   */
  readonly isBlind: boolean;
  /** What to do while the component refuses connections. Absent: the request has failed. */
  readonly whileAway: WhileAway | undefined;
  /** A session with the component, connected. @throws the error of the connection */
  readonly session: () => Promise<ClientHttp2Session>;
  /** Observes it. */
  readonly sight: Sight | undefined;
}

/** Forwards one stream and its answer, trailers included. When either side ends, so does the other. Never rejects. */
export async function forwardStream(exchange: StreamExchange): Promise<void> {
  const { stream, headers, read, whileAway, sight } = exchange;
  let session: ClientHttp2Session;
  try {
    session = await exchange.session();
  } catch (thrown) {
    componentAway(exchange, thrown);
    return;
  }
  if (stream.destroyed) return;
  let call: ClientHttp2Stream;
  try {
    call = session.request({ ...headers }, { endStream: false });
  } catch {
    // The session ended in between.
    if (whileAway === undefined) componentAway(exchange, new Error('the connection has ended'));
    else await forwardStream({ ...exchange, whileAway: undefined });
    return;
  }
  passBack(exchange, call);
  if (read !== undefined && read.length > 0) call.write(read);
  if (sight !== undefined) look(stream, sight.request, read);
  stream.pipe(call);
  stream.on('close', () => {
    sight?.over();
    if (!call.closed) call.close(stream.rstCode === 0 ? constants.NGHTTP2_CANCEL : stream.rstCode);
  });
}

function componentAway(exchange: StreamExchange, thrown: unknown): void {
  const { stream, isGrpc, whileAway } = exchange;
  const refused = (answer: Parameters<typeof answerStream>[2]) => answerStream(stream, isGrpc, answer);
  if (whileAway === undefined) {
    const why = thrown instanceof Error ? thrown.message : '';
    const message = `the component does not answer: ${why}`;
    refused({ kind: 'refused', reason: 'ModelServerAway', message, retryAfter: milliseconds(1_000) });
  } else whileAway(() => void forwardStream(exchange), refused);
}

/** Passes the component's answer on. */
function passBack(exchange: StreamExchange, call: ClientHttp2Stream): void {
  const { stream, isGrpc, sight } = exchange;
  let trailers: IncomingHttpHeaders = {};
  call.on('error', () => undefined);
  call.on('headers', (informational: IncomingHttpHeaders) => {
    if (!stream.destroyed && !stream.headersSent) stream.additionalHeaders(informational);
  });
  call.on('trailers', (came: IncomingHttpHeaders) => {
    trailers = came;
  });
  call.on('response', (answer: IncomingHttpHeaders, flags: number) => {
    if (stream.destroyed || stream.headersSent) return;
    const endStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const head = endStream ? unmistaken(exchange, answer) : answer;
    stream.respond({ ...head }, { endStream, waitForTrailers: !endStream });
    const seen = sight?.answer(Number(answer[':status']));
    if (endStream) seen?.end();
    if (endStream) return;
    if (seen !== undefined) look(call, seen);
    stream.on('wantTrailers', () => stream.sendTrailers({ ...unmistaken(exchange, trailers) }));
    call.pipe(stream);
  });
  call.on('close', () => {
    if (stream.destroyed || stream.writableEnded) return;
    if (stream.headersSent)
      stream.close(call.rstCode === 0 ? constants.NGHTTP2_INTERNAL_ERROR : call.rstCode);
    else {
      const message = 'the component has ended the request without an answer';
      const answer = {
        kind: 'refused',
        reason: 'NoAnswer',
        message,
        retryAfter: milliseconds(1_000),
      } as const;
      answerStream(stream, isGrpc, answer);
    }
  });
}

/** Observes a body from its beginning. Its reader is added in the same turn. */
function look(body: Http2Stream, { add, end }: BodySight, read?: Buffer): void {
  if (read !== undefined && read.length > 0) add(read);
  body.on('data', add);
  // A stream that is reset emits its end too.
  body.on('end', () => {
    if (!body.aborted && body.rstCode === constants.NGHTTP2_NO_ERROR) end();
  });
}

/** "Not found" for a model that may sleep becomes "unavailable". */
function unmistaken({ isBlind }: StreamExchange, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  if (!isBlind || headers['grpc-status'] !== GRPC_STATUS.notFound) return headers;
  return { ...headers, 'grpc-status': GRPC_STATUS.unavailable };
}
