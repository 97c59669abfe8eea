import { seconds } from '../../lib/clock.ts';
import type { Connection } from '../connections.ts';
import { isOnePiece } from './component-call.ts';
import { CLIENT_IDLE } from './client-idle.ts';
import { beginOrdinary, type OrdinaryExchange, type ReadCall } from './ordinary-exchange.ts';
import { forwardOddly, passOnOddly } from './ordinary-oddly.ts';
import { ordinaryRequest } from './ordinary-request.decide.ts';
import { passedRequest } from './proxied-request.decide.ts';
import { requestHead } from './request-head.decide.ts';
import { clientOf, type Serving } from './requests.ts';
import { type ModelUse, onwardNow, useModel } from './wake.ts';
import { askedIn, fitsMethod } from '../../contract/model-target.ts';

/** What a client may send before its answer is over. Anything above waits in its system. */
const MOST_EARLY = 64 * 1024;
/** Clients that follow the announced timeout close first. Node's server adds as much. */
const LATER = seconds(1);

/**
 * Serves a connection as long as its requests are short, of the ordinary kind and one after the other. The first other
 * request goes to Node's server, and the connection with it. Node's server makes some twenty objects for each request,
 * and registers as many listeners: a third of the cost of forwarding a small one.
 */
export function serveOrdinary(serving: Serving, connection: Connection): void {
  const { socket } = connection;
  const client = clientOf(socket);
  let exchange: OrdinaryExchange | undefined;
  /** What arrived before the answer was over. */
  let early: Buffer[] = [];
  let earlyBytes = 0;

  function data(chunk: Buffer): void {
    // Earlier bytes go first.
    if (exchange === undefined && early.length === 0) {
      begin(chunk);
      return;
    }
    const rest = exchange === undefined ? chunk : exchange.more(chunk);
    if (rest === undefined) return;
    early.push(rest);
    earlyBytes += rest.length;
    if (earlyBytes >= MOST_EARLY) socket.pause();
  }

  function begin(chunk: Buffer): void {
    const read = readCall(serving, connection, client, chunk);
    if (read === undefined) {
      handOver(chunk);
      return;
    }
    const first = chunk.subarray(read.request.bodyAt);
    const use = useAtOnce(read);
    exchange =
      use === 'later'
        ? passOnOddly(read, first, over)
        : beginOrdinary({ ...read, use: use === 'none' ? undefined : use }, first, ends);
  }

  /** The answer is over, and the connection stays open. */
  function over(): void {
    exchange = undefined;
    // Not inside the call that ended the previous answer.
    if (early.length > 0) setImmediate(goOn);
  }

  function goOn(): void {
    if (socket.destroyed) return;
    const chunk = Buffer.concat(early);
    early = [];
    earlyBytes = 0;
    if (socket.isPaused()) socket.resume();
    begin(chunk);
  }

  function handOver(chunk: Buffer): void {
    socket.off('data', data).off('end', end).off('close', gone).off('timeout', timeout);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(chunk);
    serving.serveHttp(socket);
    socket.resume();
  }

  const ends = { over, oddly: forwardOddly };
  // A client that sends no more reads no more, as Node's server treats it.
  const end = () => void socket.end();
  const gone = () => exchange?.gone();
  const timeout = () => {
    if (exchange === undefined) socket.destroy();
  };
  socket.on('data', data).on('end', end).on('close', gone).on('timeout', timeout);
  socket.setNoDelay(true);
  socket.setTimeout(CLIENT_IDLE + LATER);
}

/**
 * The request that begins with these bytes. Undefined if it is long, not of the ordinary kind, or followed by others.
 */
function readCall(
  serving: Serving,
  connection: Connection,
  client: string | undefined,
  chunk: Buffer,
): ReadCall | undefined {
  const { state, around, look, upstream } = serving;
  if (state.draining || around !== undefined) return undefined;
  const request = ordinaryRequest(chunk);
  if (request === undefined || chunk.length > request.bodyAt + request.length) return undefined;
  const { method, target, headers } = request;
  const head = { method, target, headers, versionMajor: 1, versionMinor: 1 };
  const passed = passedRequest(head, client, `${upstream.host}:${upstream.port}`, false);
  if (!('headers' in passed) || !isOnePiece(passed, request.length)) return undefined;
  const text = requestHead(method, passed);
  if (text === undefined) return undefined;
  const asked = askedIn(passed.target);
  return { serving, connection, request, passed, asked, head: text, sight: look?.(headers) };
}

/** The use of its model, which begins here; `later`: the request does not proceed at once. */
function useAtOnce({ serving, request, asked }: ReadCall): ModelUse | 'none' | 'later' {
  const wake = serving.wake();
  if (wake === undefined || asked === undefined || !fitsMethod(request.method, asked)) return 'none';
  const onward = onwardNow(wake, asked);
  if (onward === 'passes') return 'none';
  return onward === 'enters' ? useModel(wake, asked.model, 'at-once') : 'later';
}
