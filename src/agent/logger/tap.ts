import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import type { Around, Onward } from '../proxy/around.ts';
import { type BodyCopy, copyBody } from './body-copy.ts';
import type { LogQueue } from './log-queue.ts';
import { type LogRecord, type RecordHead, recordHead } from './record.ts';
import type { LoggerSettings } from './settings.ts';

interface TapDeps {
  readonly settings: LoggerSettings;
  readonly queue: LogQueue;
  /** Takes a record, whose bytes are held in the queue. */
  readonly take: (record: LogRecord) => void;
  /** One was given up, for want of room. */
  readonly lost: () => void;
  readonly clock: Pick<Clock, 'now'>;
  readonly newId: () => string;
}

/** Copies requests and responses as they stream by, without holding either back, and offers them for delivery. */
export function createTap(deps: TapDeps): Around {
  const { settings, newId } = deps;
  return (incoming, outgoing, { forward, onOver }) => {
    const head = recordHead(incoming.rawHeaders, settings.headers);
    const log = { ...deps, head: { ...head, id: head.id ?? newId() } };
    if (settings.requests) tapRequest(log, incoming, onOver);
    if (settings.responses) tapResponse(log, outgoing, onOver);
    forward();
  };
}

interface Tapped extends TapDeps {
  readonly head: RecordHead & { readonly id: string };
}

function offer({ head, take, lost, clock }: Tapped, kind: 'request' | 'response', copy: BodyCopy): void {
  const copied = copy.finish();
  if (copied === undefined) lost();
  else take({ ...head, ...copied, kind, time: clock.now() });
}

/**
 * Node's parser gives a body to its message by `push`, and whoever reads the message takes it from there; so this sees each
 * byte when it comes, and changes nothing about who reads it and how fast.
 */
function tapRequest(log: Tapped, incoming: IncomingMessage, onOver: Onward['onOver']): void {
  const copy = copyBody(log.queue, log.settings.maxBodyBytes);
  const push = incoming.push.bind(incoming);
  incoming.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    if (chunk !== null) copy.add(chunk);
    else if (incoming.complete) offer(log, 'request', copy);
    return push(chunk, encoding);
  };
  onOver(copy.cancel);
}

/** What goes to the client is what is logged; a cut answer is not. */
function tapResponse(log: Tapped, outgoing: ServerResponse, onOver: Onward['onOver']): void {
  const copy = copyBody(log.queue, log.settings.maxBodyBytes);
  const isLogged = () => outgoing.statusCode === 200 || log.settings.allStatuses;
  const see = (chunk: unknown, encoding: unknown): void => {
    if (!isLogged()) return;
    if (typeof chunk === 'string') copy.add(Buffer.from(chunk, isEncoding(encoding) ? encoding : 'utf8'));
    else if (Buffer.isBuffer(chunk)) copy.add(chunk);
  };
  const write = outgoing.write.bind(outgoing) as (...args: unknown[]) => boolean;
  const end = outgoing.end.bind(outgoing) as (...args: unknown[]) => ServerResponse;
  outgoing.write = (...args: unknown[]) => {
    see(args[0], args[1]);
    return write(...args);
  };
  outgoing.end = (...args: unknown[]) => {
    see(args[0], args[1]);
    return end(...args);
  };
  outgoing.once('finish', () => {
    if (isLogged()) offer(log, 'response', copy);
  });
  onOver(copy.cancel);
}

function isEncoding(encoding: unknown): encoding is BufferEncoding {
  return typeof encoding === 'string' && Buffer.isEncoding(encoding);
}
