import type { Readable, Writable } from 'node:stream';

/** Resolves once the signal aborts, or at once if it already has. Never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Destroys a stream or a request with an AbortError once the signal aborts. Node's `addAbortSignal`, and the `signal` of
 * an HTTP request, do the same with a dozen listeners, which is a twentieth of the work for a small download.
 */
export function endWith(signal: AbortSignal, stream: Readable | Writable): void {
  const end = (): void => {
    const error = new Error('aborted', { cause: signal.reason });
    stream.destroy(Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' }));
  };
  if (signal.aborted) {
    end();
    return;
  }
  signal.addEventListener('abort', end, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', end));
}

/**
 * The reason to pass if an abort only ends a wait and its reason is not read. Without one each abort makes an exception
 * with a stack: some 40 µs, several times for each model and each key.
 */
export const NO_MORE_WAITING = 'no more waiting';
