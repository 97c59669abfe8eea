import {
  type ClientHttp2Session,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { type ModelTarget, modelTarget } from '../../../contract/model-target.ts';
import type { Look, Sight } from '../around.ts';
import { onceAwake, type Wake, type WhileAway } from '../wake.ts';
import { MAX_HEAD_BYTES, MAX_HEADERS } from '../proxied-request.decide.ts';
import { answerStream } from './answers.ts';
import { forwardStream } from './forward-stream.ts';
import { firstName, grpcAsk } from './grpc-message.decide.ts';

/** What a stream may send before it is read, and so the memory of a waiting stream. */
const STREAM_WINDOW = 256 * 1024;
const SESSION_WINDOW = 1024 * 1024;
/** Heads may be as large as over HTTP/1.1. Node's own bounds are 64 KB and 128 headers. */
const LIMITS = {
  maxHeaderListPairs: MAX_HEADERS,
  maxSendHeaderBlockLength: MAX_HEAD_BYTES,
  settings: {
    initialWindowSize: STREAM_WINDOW,
    enablePush: false,
    maxHeaderListSize: MAX_HEAD_BYTES,
  },
};

/** HTTP/2 in clear text when requests wait for models or are logged: gRPC, and V1 and V2 as over HTTP/1.1. */
export interface Http2Door {
  /** Takes over a connection whose first bytes are still to be read. */
  serve(socket: Socket): void;
  /** Connections take no new streams. Running streams continue. */
  drain(): void;
}

interface DoorOptions {
  readonly host: string;
  readonly port: number;
  /** Lets requests wait. Undefined: none waits. */
  readonly wake: () => Wake | undefined;
  /** Observes requests. Undefined: nothing does. */
  readonly look?: Look | undefined;
}

export function createHttp2Door({ host, port, wake, look }: DoorOptions): Http2Door {
  const sessions = new Set<ServerHttp2Session>();
  let isDraining = false;
  const server = createServer(LIMITS);
  server.on('sessionError', () => undefined);
  server.on('session', (session) => {
    session.setLocalWindowSize(SESSION_WINDOW);
    sessions.add(session);
    const component = newComponentSession(host, port);
    session.on('error', () => undefined);
    session.on('close', () => {
      sessions.delete(session);
      component.close();
    });
    const begun = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: number, raw: string[]) => {
      stream.on('error', () => undefined);
      serveStream({ stream, headers, wake: wake(), session: component.get, sight: look?.(raw) });
    };
    session.on('stream', begun);
    if (isDraining) session.close();
  });
  return {
    serve: (socket) => void server.emit('connection', socket),
    drain: () => {
      isDraining = true;
      for (const session of sessions) session.close();
    },
  };
}

interface ComponentSession {
  readonly get: () => Promise<ClientHttp2Session>;
  readonly close: () => void;
}

/** One session with the component for each session of a client, as with a tunnel. A new one when it has ended. */
function newComponentSession(host: string, port: number): ComponentSession {
  let current: Promise<ClientHttp2Session> | undefined;
  let made: ClientHttp2Session | undefined;
  const open = (): Promise<ClientHttp2Session> =>
    new Promise((resolve, reject) => {
      const session = connect(`http://${host}:${port}`, LIMITS);
      made = session;
      session.on('connect', () => {
        session.setLocalWindowSize(SESSION_WINDOW);
        resolve(session);
      });
      session.on('error', reject);
      const ended = () => {
        if (made === session) current = undefined;
      };
      session.on('goaway', ended).on('close', ended);
    });
  return { get: () => (current ??= open()), close: () => made?.destroy() };
}

interface Stream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly wake: Wake | undefined;
  readonly session: ComponentSession['get'];
  readonly sight: Sight | undefined;
}

function serveStream(served: Stream): void {
  const { stream, headers, wake } = served;
  const { ':path': path = '/', ':method': method = 'GET' } = headers;
  const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
  if (wake === undefined) goOn(served, { isGrpc });
  else if (!isGrpc) waitFor(served, wake, { isGrpc, wanted: modelTarget(method, path) });
  else {
    const ask = grpcAsk(path);
    if (ask === undefined) goOn(served, { isGrpc, isBlind: true });
    else
      readName(stream, (model, read) => {
        const wanted = model === undefined ? undefined : { model, ask };
        waitFor(served, wake, { isGrpc, wanted, read });
      });
  }
}

/** What is known of a stream. */
interface Known {
  readonly isGrpc: boolean;
  readonly wanted?: ModelTarget | undefined;
  readonly read?: Buffer | undefined;
  readonly isBlind?: boolean;
}

function waitFor(served: Stream, wake: Wake, known: Known): void {
  const { stream } = served;
  const isBlind = known.isGrpc && known.wanted === undefined;
  onceAwake(wake, known.wanted, {
    onOver: (over) => void stream.once('close', over),
    held: () => undefined,
    gone: () => undefined,
    goOn: (whileAway) => goOn(served, { ...known, isBlind }, whileAway),
    answer: (answer) => answerStream(stream, known.isGrpc, answer),
  });
}

function goOn({ stream, headers, session, sight }: Stream, known: Known, whileAway?: WhileAway): void {
  const { isGrpc, read, isBlind = false } = known;
  void forwardStream({ ...{ stream, headers, isGrpc, read, isBlind, whileAway, session, sight } });
}

/** Reads as much of a stream as is needed for the model's name, and then pauses it. */
function readName(stream: ServerHttp2Stream, onRead: (name: string | undefined, read: Buffer) => void): void {
  let read: Buffer = Buffer.alloc(0);
  const finish = (name: string | undefined): void => {
    stream.off('data', look).off('end', end);
    stream.pause();
    onRead(name, read);
  };
  const look = (chunk: Buffer): void => {
    read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    const found = firstName(read);
    if (found.kind !== 'more') finish(found.kind === 'name' ? found.name : undefined);
  };
  const end = (): void => finish(undefined);
  stream.on('data', look).on('end', end);
}
