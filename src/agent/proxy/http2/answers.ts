import type { ServerHttp2Stream } from 'node:http2';
import { retryAfterSeconds, type WakeAnswer } from '../wake.ts';
import { GRPC_STATUS, grpcMessage, MODEL_IS_READY } from './grpc-message.decide.ts';

/** Answers of the agent itself on a stream, in the stream's protocol. The rest of the body is discarded. */
export function answerStream(stream: ServerHttp2Stream, isGrpc: boolean, answer: WakeAnswer): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.resume();
  if (isGrpc) answerGrpc(stream, answer);
  else answerHttp(stream, answer);
}

function answerGrpc(stream: ServerHttp2Stream, answer: WakeAnswer): void {
  const head = { ':status': 200, 'content-type': 'application/grpc' };
  if (answer.kind === 'refused') {
    const trailers = {
      'grpc-status': GRPC_STATUS.unavailable,
      'grpc-message': grpcMessage(`${answer.reason}: ${answer.message}`),
      // How long a client with a retry policy waits: gRFC A6.
      'grpc-retry-pushback-ms': String(Math.ceil(answer.retryAfter)),
    };
    stream.respond({ ...head, ...trailers }, { endStream: true });
    return;
  }
  stream.respond(head, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': GRPC_STATUS.ok }));
  stream.end(MODEL_IS_READY);
}

function answerHttp(stream: ServerHttp2Stream, answer: WakeAnswer): void {
  const isRefused = answer.kind === 'refused';
  const body = JSON.stringify(
    isRefused ? { error: `${answer.reason}: ${answer.message}` } : { name: answer.model, ready: true },
  );
  stream.respond({
    ':status': isRefused ? 503 : 200,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(isRefused && { 'retry-after': String(retryAfterSeconds(answer.retryAfter)) }),
  });
  stream.end(body);
}
