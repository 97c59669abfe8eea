import type { PullProgress, PullRequest, PullResult } from './contract.ts';

/** The process ended during the pull. */
export interface LostPull {
  readonly kind: 'lost';
  /** For people. */
  readonly how: string;
  /** The pull's part in it. `proven`: no other pull was in the process. */
  readonly part: 'none' | 'proven' | { readonly suspectIn: Crash };
}

/** The end of a process with several pulls in it. `explained` is aborted once one of them is proven to be the cause. */
export interface Crash {
  readonly explained: AbortController;
}

/** The outcome of a pull in a process. */
type PullOutcome = PullResult | LostPull;

interface PendingPull {
  readonly request: PullRequest;
  readonly settled: Promise<PullOutcome>;
}

/** The pulls that were sent to a child process and are not answered yet. */
interface PullRegister {
  add(
    request: PullRequest,
    onProgress: (progress: PullProgress) => void,
  ): PendingPull & { readonly number: number };
  progress(number: number, progress: PullProgress): void;
  settle(number: number, result: PullOutcome): void;
  all(): readonly (readonly [number: number, pending: PendingPull])[];
  /** Starts waiting for idleness before the first pull. */
  rest(): void;
  /** Stops waiting for idleness. */
  close(): void;
}

interface Entry extends PendingPull {
  readonly resolve: (result: PullOutcome) => void;
  readonly onProgress: (progress: PullProgress) => void;
}

/** @param onIdle called when there was no pull for `idleMs` milliseconds. */
export function createRegister(idleMs: number, onIdle: () => void): PullRegister {
  const pulls = new Map<number, Entry>();
  let idle: NodeJS.Timeout | undefined;
  let count = 0;
  const rest = (): void => {
    clearTimeout(idle);
    if (pulls.size === 0) idle = setTimeout(onIdle, idleMs).unref();
  };
  return {
    rest,
    add: (request, onProgress) => {
      clearTimeout(idle);
      count += 1;
      const { promise: settled, resolve } = Promise.withResolvers<PullOutcome>();
      const entry = { request, settled, resolve, onProgress };
      pulls.set(count, entry);
      return { ...entry, number: count };
    },
    progress: (number, progress) => pulls.get(number)?.onProgress(progress),
    settle: (number, result) => {
      const entry = pulls.get(number);
      if (!pulls.delete(number)) return;
      entry?.resolve(result);
      rest();
    },
    all: () => [...pulls],
    close: () => clearTimeout(idle),
  };
}
