import vm from 'node:vm';

/**
 * Collects unhandled errors. Jest gives tests a copy of `process` that never emits, so this listens on the real one,
 * which only the main context has.
 */
export function watchUnhandled(): { readonly seen: unknown[]; stop(): void } {
  const real = vm.runInThisContext('process') as NodeJS.Process;
  const seen: unknown[] = [];
  const note = (reason: unknown): void => {
    seen.push(reason);
  };
  real.on('unhandledRejection', note);
  real.on('uncaughtException', note);
  return {
    seen,
    stop: () => {
      real.off('unhandledRejection', note);
      real.off('uncaughtException', note);
    },
  };
}
