import type { IncomingMessage } from 'node:http';
import { type BodyBudget, bodyBudget, type BodyShare } from '../../lib/body-budget.ts';
import type { Clock } from '../../lib/clock.ts';
import { jsonMeter } from '../../lib/json-meter.ts';

/** A longer body is refused: batches are held in memory. */
const MOST_BODY = 64 * 1024 ** 2;
/**
 * The most memory of all requests that wait for their batch or its answer: a quarter of the limit KServe gives its
 * agent.
 */
const MOST_HELD = 256 * 1024 ** 2;
/** What any value takes beside its text. An empty list or object counts twice, and takes as much. */
const VALUE_BYTES = 24;

/** JSON nested deeper than some thousands cannot be written, and all requests of its batch would fail with it. */
const MOST_DEPTH = 1_000;

/** Why a request is not accepted. */
export type NotHeld = 'too long' | 'too deep' | 'no room';

/** The memory that requests to the batcher share. */
interface HeldRequests {
  /**
   * Reads a whole body. Its memory is held until it is released, which may be done at any time, and more than once.
   * @returns the function that releases it
   */
  read(incoming: IncomingMessage, got: (body: Buffer) => void, refused: (why: NotHeld) => void): () => void;
}

/** @param mostHeld bytes that all may take together */
export function holdRequests(clock: Pick<Clock, 'monotonic'>, mostHeld = MOST_HELD): HeldRequests {
  const budget = bodyBudget(mostHeld, clock);
  return { read: (incoming, got, refused) => readHeld({ budget, mostHeld }, incoming, got, refused) };
}

function readHeld(
  { budget, mostHeld }: { readonly budget: BodyBudget; readonly mostHeld: number },
  incoming: IncomingMessage,
  got: (body: Buffer) => void,
  refused: (why: NotHeld) => void,
): () => void {
  let chunks: Buffer[] = [];
  let size = 0;
  const refuse = (why: NotHeld): void => {
    chunks = [];
    incoming.off('data', add).off('end', end);
    share.release();
    refused(why);
  };
  const share: BodyShare = budget.open(() => refuse('no room'));
  function add(chunk: Buffer): void {
    size += chunk.length;
    if (size > MOST_BODY) refuse('too long');
    else if (!share.grow(size)) refuse('no room');
    else chunks.push(chunk);
  }
  function end(): void {
    const body = Buffer.concat(chunks);
    chunks = [];
    const { bytes, depth } = measure(body);
    if (bytes > mostHeld) refuse('too long');
    else if (depth > MOST_DEPTH) refuse('too deep');
    else if (!share.grow(bytes)) refuse('no room');
    else {
      share.complete();
      got(body);
    }
  }
  incoming.on('data', add).on('end', end);
  return share.release;
}

/**
 * The memory of a JSON text and its values. Some text has few values; other text, like `[],[],`, takes many times its
 * length.
 */
function measure(body: Buffer): { readonly bytes: number; readonly depth: number } {
  const unbounded = { values: Number.POSITIVE_INFINITY, names: Number.POSITIVE_INFINITY };
  const meter = jsonMeter(unbounded, 0);
  meter.add(body);
  return { bytes: body.length + VALUE_BYTES * meter.values(), depth: meter.depth() };
}
