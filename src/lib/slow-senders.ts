import type { IncomingMessage, Server } from 'node:http';
import { Server as TlsServer } from 'node:tls';
import type { Socket } from 'node:net';
import { setImmediate as nextTurnOfTheLoop } from 'node:timers/promises';
import { milliseconds } from './clock.ts';
import type { Clock } from './clock.ts';
import { workInSpans } from './work-in-spans.ts';

interface Sender {
  readonly socket: Socket;
  /** The latest request whose head has arrived. */
  request?: IncomingMessage;
  /** Bytes received at the last check. */
  read: number;
  /** The number of checks at which more had arrived of the same head or body. */
  pieces: number;
}

const LOOK_EVERY = milliseconds(50);
/** An API server sends a request at once. If pieces take longer, the sender is slow or an attacker. */
const SLOW_AFTER = 4;
/**
 * How long slow senders are read from without a pause, and the minimum pause after it. What they send costs more than
 * its reading: a complete body is parsed, and its connection is replaced by the next.
 */
const SPAN = milliseconds(2);
const REST = milliseconds(20);

/**
 * Reads from slow senders in turns, and from all of them together for at most a tenth of the event loop's time, however
 * many they are and however fast the pieces come. Meanwhile their bytes stay in the kernel, whose full buffers make
 * them wait. A request that arrives at once, and what follows it, is read at once.
 */
export function readSlowSendersInTurns(server: Server, clock: Pick<Clock, 'monotonic' | 'sleep'>): void {
  const senders = new Map<Socket, Sender>();
  const slow = new Set<Sender>();
  const closing = new AbortController();
  const working = { looking: false, reading: false };

  async function look(): Promise<void> {
    working.looking = true;
    while (senders.size > 0 && !closing.signal.aborted) {
      for (const sender of senders.values()) {
        if (!isSlow(sender)) continue;
        sender.socket.pause();
        slow.add(sender);
      }
      if (slow.size > 0 && !working.reading) void readInTurns();
      await clock.sleep(LOOK_EVERY, closing.signal);
    }
    working.looking = false;
  }

  async function readInTurns(): Promise<void> {
    working.reading = true;
    await workInSpans({ clock, span: SPAN, rest: REST, signal: closing.signal }, () => {
      const [sender] = slow;
      if (sender === undefined) return undefined;
      slow.delete(sender);
      return () => readOnce(sender);
    });
    working.reading = false;
  }

  async function readOnce(sender: Sender): Promise<void> {
    sender.socket.resume();
    // The first of these reads. What was read of a body asks for more before the second.
    await nextTurnOfTheLoop();
    await nextTurnOfTheLoop();
    if (sender.socket.destroyed || sender.pieces === 0 || sender.request?.complete === true) return;
    sender.socket.pause();
    slow.add(sender);
  }

  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    const sender: Sender = { socket, read: socket.bytesRead, pieces: 0 };
    senders.set(socket, sender);
    socket.once('close', () => {
      senders.delete(socket);
      slow.delete(sender);
    });
    if (!working.looking) void look();
  });
  server.on('request', (request: IncomingMessage) => {
    const sender = senders.get(request.socket);
    if (sender !== undefined) Object.assign(sender, { request, pieces: 0 });
  });
  server.on('close', () => closing.abort());
}

/** Whether it has been sending for a while, and still is. */
function isSlow(sender: Sender): boolean {
  const { bytesRead } = sender.socket;
  if (bytesRead === sender.read) return false;
  sender.read = bytesRead;
  if (sender.request?.complete === true) {
    // These bytes belong to the next request.
    delete sender.request;
    sender.pieces = 0;
  }
  sender.pieces += 1;
  return sender.pieces >= SLOW_AFTER;
}
