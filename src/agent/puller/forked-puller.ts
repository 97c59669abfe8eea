import { NO_MORE_WAITING } from '../../lib/abort.ts';
import type { Environment } from '../sources/environment.ts';
import { PullAbortedError, PullerCrashedError } from '../sources/errors.ts';
import { secretValues } from '../sources/redact.ts';
import { createSlots } from '../slots.ts';
import type { PullRequest, PullResult, Puller } from './contract.ts';
import { failedPull } from './pull-result.ts';
import type { Crash, LostPull } from './pull-register.ts';
import { createPullWorker, type PullWorker, type PullWorkerOptions } from './pull-worker.ts';

export interface ForkedPullerOptions extends PullWorkerOptions {
  /** The process's environment. Its secrets are kept out of messages. */
  readonly env: Environment;
}

export const DEFAULT_IDLE_MS = 10_000;
export const DEFAULT_ABORT_GRACE_MS = 10_000;

/** The most pulls at once with a process of their own, of some 60 MiB each. */
const ALONE_AT_ONCE = 4;
/** The number of suspects remembered. A forgotten one is found again at its next crash. */
const SUSPECTS_KEPT = 1_000;

/** A puller whose process can be started before the first pull, which then does not wait for it. */
interface ForkedPuller extends Puller {
  warm(): void;
}

/**
 * Pulls in a child process that lives only while there is work, so that the storage SDKs and the buffers of large
 * downloads never count against the idle agent.
 *
 * One model may crash the process each time it is tried, and take all other downloads with it. So the pulls
 * in a crashed process start again at once, each in a process of its own, until one of them crashes its process
 * too. That one fails with PullerCrashed, and keeps a process of its own until it succeeds. The others lose their
 * downloaded bytes once.
 */
export function createForkedPuller(options: ForkedPullerOptions): ForkedPuller {
  const secrets = secretValues(options.env);
  const stopper = new AbortController();
  const shared = createPullWorker(options);
  const alone = createSlots(ALONE_AT_ONCE);
  const workers = new Set<PullWorker>([shared]);
  const suspects = createSuspects();

  const pullAlone: Pull = async (request, signal, onProgress) => {
    const worker = createPullWorker({ ...options, idleMs: 0 });
    workers.add(worker);
    try {
      return await worker.pull(request, signal, onProgress);
    } finally {
      void worker.stop().finally(() => workers.delete(worker));
    }
  };
  const pullOnce: Pull = async (request, signal, onProgress) => {
    const suspicion = suspects.of(request);
    if (suspicion === undefined) return shared.pull(request, signal, onProgress);
    const slot = await alone.take(AbortSignal.any([signal, suspicion]));
    if (slot === undefined) return { kind: 'lost', how: 'not begun', part: 'none' };
    try {
      return await pullAlone(request, signal, onProgress);
    } finally {
      slot.release();
    }
  };
  const pull: Puller['pull'] = async (request, signal, onProgress) => {
    for (;;) {
      if (isAborted(signal))
        return failedPull(new PullAbortedError('the pull was cancelled'), request, secrets);
      const outcome = await pullOnce(request, signal, onProgress);
      if (outcome.kind !== 'lost') {
        suspects.clear(request);
        return outcome;
      }
      if (isAborted(signal) || outcome.part === 'none') continue;
      if (outcome.part === 'proven') {
        suspects.convict(request);
        return crashed(outcome, request, secrets);
      }
      suspects.suspect(request, outcome.part.suspectIn);
    }
  };
  return {
    warm: () => {
      if (!stopper.signal.aborted) shared.warm();
    },
    pull: (request, signal, onProgress) =>
      pull(request, AbortSignal.any([signal, stopper.signal]), onProgress),
    stop: async () => {
      stopper.abort();
      await Promise.all([...workers].map((worker) => worker.stop()));
    },
  };
}

/** Without this TypeScript assumes that a signal once seen unaborted stays so. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

type Pull = PullWorker['pull'];

function crashed({ how }: LostPull, request: PullRequest, secrets: readonly string[]): PullResult {
  const message = `the puller's process ended (${how}) while it fetched this model; the download is retried`;
  return failedPull(new PullerCrashedError(message), request, secrets);
}

/** The pulls in a crashed process, by model and URI: another version of the model is not a suspect. */
interface Suspects {
  /** Undefined if it is not a suspect. Otherwise aborted once another pull has explained the crash. */
  of(request: PullRequest): AbortSignal | undefined;
  suspect(request: PullRequest, crash: Crash): void;
  convict(request: PullRequest): void;
  clear(request: PullRequest): void;
}

function createSuspects(): Suspects {
  const crashes = new Map<string, Crash>();
  const keyOf = ({ id, storageUri }: PullRequest): string => `${id} ${storageUri}`;
  const put = (request: PullRequest, crash: Crash): void => {
    crashes.set(keyOf(request), crash);
    for (const oldest of crashes.keys()) {
      if (crashes.size <= SUSPECTS_KEPT) break;
      crashes.delete(oldest);
    }
  };
  return {
    of: (request) => {
      const signal = crashes.get(keyOf(request))?.explained.signal;
      return signal?.aborted === true ? undefined : signal;
    },
    suspect: put,
    convict: (request) => {
      crashes.get(keyOf(request))?.explained.abort(NO_MORE_WAITING);
      put(request, { explained: new AbortController() });
    },
    clear: (request) => void crashes.delete(keyOf(request)),
  };
}
