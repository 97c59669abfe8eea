import type { Agent, IncomingMessage } from 'node:http';
import { nextTick } from 'node:process';
import { requestHead } from './request-head.decide.ts';
import { addTrailers, endWith } from './answers.ts';
import { type ComponentCall, isOnePiece } from './component-call.ts';
import type { Exchange } from './exchange.ts';

/** A body up to this length is sent once it is complete: it can then be sent again. */
const SHORT_BODY = 8 * 1024;

/** How a request may be sent. */
interface Ways {
  /** By Node's client. */
  readonly begin: (agent: Agent, send: (call: ComponentCall) => void) => void;
  /** All of it in one write. */
  readonly sendDirectly: (bytes: string, again: () => void) => void;
}

/** Whether a request is complete, and nothing of its body was taken. */
function isWhole({ complete, headers, readableLength }: IncomingMessage): boolean {
  // Node reports the end of a body only after it has delivered the body.
  return complete || readableLength === Number(headers['content-length']);
}

/** Sends the request once it is known whether its body has come with it. */
export function sendRequest(exchange: Exchange, ways: Ways): void {
  // When the bytes of the head's read are parsed, so is the body of a small request.
  nextTick(() => {
    if (isWhole(exchange.incoming)) sendBody(exchange, ways);
    // Or once the turn of the event loop is over.
    else setImmediate(sendBody, exchange, ways);
  });
}

/**
 * Sends the request in the way that its body allows. A complete message is sent in one write, which halves the cost of
 * forwarding a small one. Any other is streamed.
 */
function sendBody(exchange: Exchange, { begin, sendDirectly }: Ways): void {
  const { incoming, outgoing, passed, upstream, upgraded } = exchange;
  const { headers, httpVersionMinor } = incoming;
  const sendWhole = (body: Buffer | null): void => {
    const sent = isOnePiece(passed, body?.length ?? 0) ? 'whole' : 'kept';
    const send = (call: ComponentCall) => {
      onceAlive(call, sent === 'kept', () => {
        call.sent = sent;
        endWith(call.request, body, incoming.rawTrailers);
      });
    };
    const bytes = sent === 'whole' ? directly(exchange, body) : undefined;
    if (bytes !== undefined) sendDirectly(bytes, () => begin(upstream.fresh, send));
    // A connection that changes its protocol serves no other request afterwards.
    else begin(upgraded === undefined ? upstream.kept : upstream.fresh, send);
  };
  if (isWhole(incoming)) {
    // It was not requested. Without this Node would close the connection, because of a body that might still come.
    if (headers.expect !== undefined && httpVersionMinor > 0) outgoing.writeContinue();
    sendWhole(incoming.read() as Buffer | null);
  } else if (headers.expect !== undefined) {
    // The head is sent first, so a kept connection would be a risk.
    begin(upstream.fresh, (call) => pipeBody(incoming, call));
  } else if (Number(headers['content-length'] ?? Number.POSITIVE_INFINITY) <= SHORT_BODY) {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => sendWhole(Buffer.concat(chunks)));
  } else begin(upstream.kept, (call) => pipeBody(incoming, call));
}

/** The bytes of a request of the ordinary kind. Undefined for any other, which goes to Node's client. */
function directly({ incoming, passed, upgraded }: Exchange, body: Buffer | null): string | undefined {
  const { method = 'GET', headers } = incoming;
  // An answer to HEAD has a length and no body.
  if (upgraded !== undefined || method === 'HEAD' || headers['transfer-encoding'] !== undefined)
    return undefined;
  const head = requestHead(method, passed);
  if (head === undefined || body === null) return head;
  return head + body.toString('latin1');
}

/**
 * Sends what may be too large to be sent again. First waits until the loop has checked once more whether the connection
 * has ended.
 */
function onceAlive({ request }: ComponentCall, isMuch: boolean, send: () => void): void {
  if (!isMuch || !request.reusedSocket) send();
  else
    setImmediate(() => {
      if (!request.destroyed) send();
    });
}

function pipeBody(incoming: IncomingMessage, call: ComponentCall): void {
  const { request } = call;
  onceAlive(call, true, () => {
    // Registered before the pipe, so that trailers are in place when the pipe ends the message.
    incoming
      .once('data', () => (call.sent = 'part'))
      .on('end', () => addTrailers(request, incoming.rawTrailers))
      .pipe(request);
  });
}
