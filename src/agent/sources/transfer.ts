import { endWith } from '../../lib/abort.ts';
import { milliseconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { classify } from './classify.ts';
import { createDigestCheck } from './digest.ts';
import type { DigestCheck } from './digest.ts';
import {
  ProxyUnavailableError,
  PullAbortedError,
  SourceChangedError,
  SourceUnavailableError,
  WrongLengthError,
} from './errors.ts';
import type { PullError } from './errors.ts';
import type { SourceSettings } from './settings.ts';
import type { BufferPair } from './reused-buffers.ts';
import type { OpenedFile, RemoteFile } from './source.ts';
import { createWatch } from './watch.ts';

interface TransferContext {
  readonly settings: SourceSettings;
  readonly clock: Clock;
  /** Aborts the transfer with PullAbortedError. */
  readonly signal: AbortSignal;
  /** The file as it may be shown. */
  readonly shown: string;
  /** For a file that reuses buffers: the reader is done with a piece before it requests the piece after the next. */
  readonly pair?: BufferPair | undefined;
}

/** Between two attempts for one file. For longer waits the caller retries the whole model. */
const PAUSE_BEFORE_RESUME = milliseconds(250);

interface Progress {
  received: number;
  totalBytes: number | undefined;
  tag: string | undefined;
  check: DigestCheck | undefined;
}

/**
 * The bytes of one remote file, in order, each exactly once. A broken transfer resumes where it broke, as long
 * as the source can name the state (`tag`) it served. Length and digests are checked at the end.
 * @throws PullError
 */
export async function* transfer(file: RemoteFile, context: TransferContext): AsyncGenerator<Uint8Array> {
  const progress: Progress = { received: 0, totalBytes: undefined, tag: undefined, check: undefined };
  for (let fruitless = 0; ; fruitless += 1) {
    const before = progress.received;
    try {
      yield* attempt(file, progress, context);
      await progress.check?.verify(context.shown);
      return;
    } catch (thrown) {
      if (progress.received > before) fruitless = 0;
      const error = context.signal.aborted ? aborted(context) : classify(thrown, context.shown);
      if (!mayResume(error, progress) || fruitless + 1 >= context.settings.attemptsPerFile) throw error;
      await context.clock.sleep(PAUSE_BEFORE_RESUME, context.signal);
      if (context.signal.aborted) throw aborted(context);
    }
  }
}

async function* attempt(
  file: RemoteFile,
  progress: Progress,
  { settings, clock, signal, shown, pair }: TransferContext,
): AsyncGenerator<Uint8Array> {
  const watch = createWatch({ settings, clock, signal, shown });
  try {
    const opening = file.open({ offset: progress.received, tag: progress.tag }, watch.signal);
    const opened = await watch.over(opening).catch((thrown: unknown) => {
      discardLate(opening);
      throw thrown;
    });
    endWith(watch.signal, opened.body);
    let isOver = false;
    try {
      await begin(progress, opened, shown);
      const pieces = pair && opened.pieces?.(pair);
      const chunks = (pieces ?? (opened.body as AsyncIterable<Uint8Array>))[Symbol.asyncIterator]();
      for (;;) {
        const next = await watch.over(nextOf(chunks, opened));
        isOver = next.done === true;
        if (next.done === true) break;
        watch.received(next.value.length);
        progress.received += next.value.length;
        if (progress.totalBytes !== undefined && progress.received > progress.totalBytes) break;
        progress.check?.update(next.value);
        yield next.value;
      }
    } finally {
      opened.body.on('error', () => undefined);
      // To close a connection takes as long as a request, and the load of a model need not wait for it.
      if (isOver) setImmediate(() => opened.body.destroy());
      else opened.body.destroy();
    }
    checkLength(progress, shown);
  } finally {
    watch.stop();
  }
}

/** Nothing else handles the errors of a file opened after the transfer was cancelled: they would end the process. */
function discardLate(opening: Promise<OpenedFile>): void {
  opening.then(
    ({ body }) => body.on('error', () => undefined).destroy(),
    () => undefined,
  );
}

async function nextOf(
  chunks: AsyncIterator<Uint8Array>,
  opened: OpenedFile,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (error) {
    throw opened.faultOf?.(error) ?? error;
  }
}

function isOther(before: number | undefined, now: number | undefined): boolean {
  return before !== undefined && now !== undefined && before !== now;
}

async function begin(progress: Progress, opened: OpenedFile, shown: string): Promise<void> {
  progress.check ??= await createDigestCheck(opened.digests, opened.totalBytes);
  if (progress.received > 0 && isOther(progress.totalBytes, opened.totalBytes)) {
    throw new SourceChangedError(
      `${shown}: it had ${progress.totalBytes ?? 0} bytes and has ${opened.totalBytes ?? 0}. It is fetched again later.`,
    );
  }
  progress.totalBytes ??= opened.totalBytes;
  progress.tag ??= opened.tag;
}

function checkLength({ received, totalBytes }: Progress, shown: string): void {
  if (totalBytes === undefined || received === totalBytes) return;
  const announced = `the source announced ${totalBytes} bytes`;
  if (received < totalBytes) {
    throw new WrongLengthError(`${shown}: ${announced} and sent ${received}; the transfer was cut short.`);
  }
  throw new WrongLengthError(`${shown}: ${announced} and sent more; its length cannot be right.`);
}

/** Only a broken connection can recover within a second. If the source asks for a wait, the caller waits. */
function mayResume(error: PullError, { received, totalBytes, tag }: Progress): boolean {
  if (error.retryAfterMs !== undefined) return false;
  const broken =
    error instanceof SourceUnavailableError ||
    error instanceof ProxyUnavailableError ||
    (error instanceof WrongLengthError && totalBytes !== undefined && received < totalBytes);
  return broken && (received === 0 || tag !== undefined);
}

function aborted({ shown }: TransferContext): PullError {
  return new PullAbortedError(`${shown}: the download was cancelled because it is no longer wanted`);
}
