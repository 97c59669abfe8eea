import { MAX_MODELS } from './agent-status-reading.decide.ts';
import type { Clock } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';

/** An agent's stream does not conform to docs/agent-status.md. The connection is closed and retried later. */
export class StreamFaultError extends MmsError {
  readonly code = 'AGENT_STREAM_FAULT';
  readonly retryable = true;
}

/** A part of a stream. The models of a snapshot come one by one, before the line that contained them. */
export interface AgentPiece {
  readonly kind: 'line' | 'model';
  readonly text: string;
}

/** The limit of one line in bytes: a snapshot of more models than one ConfigMap can hold. */
const MAX_LINE = 8 * 1024 * 1024;
/**
 * The limit of one model in bytes, and of a line without the models of a snapshot. No more is buffered of an unfinished
 * line.
 */
const MAX_PIECE = 32 * 1024;
/** The initial size of a buffer, and the most that it keeps from one line to the next. */
const [FIRST_PIECE, KEPT_PIECE] = [512, 4 * 1024];
/** An agent's documents have six levels. */
const MAX_DEPTH = 16;
/**
 * Lines and bytes allowed at once, for a snapshot and for models that all change together, and in each second after
 * that.
 */
const LINES = { burst: 40_000, perSecond: 2_000 };
const BYTES = { burst: MAX_LINE + 64 * 1024, perSecond: 512 * 1024 };

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_OBJECT, OPEN_LIST, CLOSE_OBJECT, CLOSE_LIST] = [0x7b, 0x5b, 0x7d, 0x5d];
/** The depth of the list `models` in a snapshot: `{"status":{"models":[`. */
const MODELS_DEPTH = 3;
const MODELS = /"models"\s*:\s*$/;

/** Splits the bytes of one connection into pieces. It buffers only the unfinished one. */
interface AgentLineCutter {
  /** @throws {StreamFaultError} for input that is too long, too deep, or more than an honest agent sends */
  push(chunk: Uint8Array): AgentPiece[];
}

/**
 * A snapshot of thousands of models is never held as a whole: the user controls what a pod sends, and parsed at once it
 * would take many times its size. So the models are extracted from the line as they arrive.
 */
export function createAgentLineCutter(clock: Clock): AgentLineCutter {
  const lines = allowance(LINES, clock, 'it sends too many lines');
  const bytes = allowance(BYTES, clock, 'it sends too many bytes');
  const cut = newLine();

  function lengthen(by: number): void {
    cut.length += by;
    if (cut.length > MAX_LINE) throw tooLong(MAX_LINE);
  }

  /** The contents of a string, which are most of a line. */
  function takeText(bytes: Uint8Array): void {
    lengthen(bytes.length);
    piece().addAll(bytes);
  }

  function piece(): PieceBuffer {
    return cut.inModels && cut.depth > MODELS_DEPTH ? cut.model : cut.line;
  }

  function take(byte: number, pieces: AgentPiece[]): void {
    if (byte === LINE_FEED) {
      lines.take(1);
      const text = cut.line.text().trim();
      if (text !== '') pieces.push({ kind: 'line', text });
      startLine(cut);
      return;
    }
    lengthen(1);
    if (cut.inString) {
      piece().add(byte);
      if (cut.escaped) cut.escaped = false;
      else if (byte === BACKSLASH) cut.escaped = true;
      else if (byte === QUOTE) cut.inString = false;
      return;
    }
    if (byte === QUOTE) cut.inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) opened(cut, byte);
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      closed(cut, byte, pieces);
      return;
    }
    const betweenModels = cut.inModels && cut.depth === MODELS_DEPTH && byte === COMMA;
    if (!betweenModels) piece().add(byte);
  }

  return {
    push(chunk) {
      bytes.take(chunk.length);
      const pieces: AgentPiece[] = [];
      for (let at = 0; at < chunk.length;) {
        const end = cut.inString && !cut.escaped ? endOfText(chunk, at) : at;
        if (end > at) takeText(chunk.subarray(at, end));
        if (end < chunk.length) take(chunk[end] ?? 0, pieces);
        at = end + 1;
      }
      return pieces;
    },
  };
}

/** Where the current string may end. */
function endOfText(chunk: Uint8Array, from: number): number {
  let at = from;
  for (; at < chunk.length; at += 1) {
    const byte = chunk[at];
    if (byte === QUOTE || byte === BACKSLASH || byte === LINE_FEED) break;
  }
  return at;
}

function opened(cut: Cut, byte: number): void {
  cut.depth += 1;
  if (cut.depth > MAX_DEPTH) throw new StreamFaultError('a line is nested too deeply');
  if (byte === OPEN_LIST && cut.depth === MODELS_DEPTH && cut.line.endsWith(MODELS)) cut.inModels = true;
  if (!cut.inModels || cut.depth !== MODELS_DEPTH + 1) return;
  if (byte !== OPEN_OBJECT) throw new StreamFaultError('a model is not as documented');
  cut.models += 1;
  if (cut.models > MAX_MODELS) throw new StreamFaultError(`a snapshot of more than ${MAX_MODELS} models`);
}

function closed(cut: Cut, byte: number, pieces: AgentPiece[]): void {
  cut.depth -= 1;
  if (cut.inModels && cut.depth >= MODELS_DEPTH) {
    cut.model.add(byte);
    if (cut.depth === MODELS_DEPTH) pieces.push({ kind: 'model', text: cut.model.take() });
    return;
  }
  cut.inModels = false;
  cut.line.add(byte);
}

interface Cut {
  readonly line: PieceBuffer;
  readonly model: PieceBuffer;
  length: number;
  depth: number;
  models: number;
  inString: boolean;
  escaped: boolean;
  inModels: boolean;
}

function newLine(): Cut {
  return {
    ...{ line: pieceBuffer(), model: pieceBuffer(), length: 0, depth: 0, models: 0 },
    ...{ inString: false, escaped: false, inModels: false },
  };
}

/**
 * The buffers are reused: one for each of thousands of short lines would be most of the garbage of following agents.
 */
function startLine(cut: Cut): void {
  cut.line.clear();
  cut.model.clear();
  Object.assign(cut, { length: 0, depth: 0, models: 0, inString: false, escaped: false, inModels: false });
}

interface PieceBuffer {
  /** @throws {StreamFaultError} when the piece becomes too long */
  add(byte: number): void;
  /** @throws {StreamFaultError} when the piece becomes too long */
  addAll(more: Uint8Array): void;
  text(): string;
  /** Returns the text and empties the buffer. */
  take(): string;
  clear(): void;
  /** Whether the last bytes, as many as the form needs, match. */
  endsWith(form: RegExp): boolean;
}

function pieceBuffer(): PieceBuffer {
  let bytes = new Uint8Array(FIRST_PIECE);
  let size = 0;
  const textFrom = (start: number): string => Buffer.from(bytes.buffer, start, size - start).toString();
  const makeRoom = (count: number): void => {
    if (size + count > MAX_PIECE) throw tooLong(MAX_PIECE);
    if (size + count <= bytes.length) return;
    const larger = new Uint8Array(Math.min(MAX_PIECE, 2 * (size + count)));
    larger.set(bytes);
    bytes = larger;
  };
  return {
    add(byte) {
      makeRoom(1);
      bytes[size++] = byte;
    },
    addAll(more) {
      makeRoom(more.length);
      bytes.set(more, size);
      size += more.length;
    },
    text: () => textFrom(0),
    take() {
      const text = textFrom(0);
      size = 0;
      return text;
    },
    clear() {
      size = 0;
      if (bytes.length > KEPT_PIECE) bytes = new Uint8Array(FIRST_PIECE);
    },
    endsWith: (form) => form.test(textFrom(Math.max(0, size - 32))),
  };
}

function tooLong(bytes: number): StreamFaultError {
  return new StreamFaultError(`a line of more than ${bytes} bytes`);
}

/** Allows so many at once, and so many in each second after that. Beyond that it throws the given fault. */
export function allowance(
  { burst, perSecond }: { readonly burst: number; readonly perSecond: number },
  clock: Clock,
  fault: string,
): { take(count: number): void } {
  let left = burst;
  let filledAt = clock.monotonic();
  return {
    take(count) {
      left -= count;
      if (left >= 0) return;
      const now = clock.monotonic();
      left = Math.min(burst, left + ((now - filledAt) / 1000) * perSecond);
      filledAt = now;
      if (left < 0) throw new StreamFaultError(fault);
    },
  };
}
