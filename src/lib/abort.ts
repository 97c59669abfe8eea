/** Resolves once the signal aborts, at once when it has; it never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * The reason to give where an abort only ends a wait and its reason is not read. Without one each abort makes an exception, with its
 * stack: some 40 µs, several of them for each model and each key.
 */
export const NO_MORE_WAITING = 'no more waiting';
