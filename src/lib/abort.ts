/** Resolves once the signal aborts, or at once if it already has. Never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * The reason to pass if an abort only ends a wait and its reason is not read. Without one each abort makes an exception
 * with a stack: some 40 µs, several times for each model and each key.
 */
export const NO_MORE_WAITING = 'no more waiting';
