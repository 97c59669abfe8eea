import type { ChildProcess } from 'node:child_process';
import type { Logger } from '../../core/log.ts';
import { PullAbortedError, PullerCrashedError } from '../sources/errors.ts';
import { secretValues } from '../sources/redact.ts';
import type { SourceSettings } from '../sources/settings.ts';
import type { Environment } from '../sources/source.ts';
import type { PullRequest, PullResult, Puller } from './contract.ts';
import { attachPuller } from './puller-process.ts';
import type { PullerProcess } from './puller-process.ts';
import { createRegister } from './pull-register.ts';
import { failedPull } from './pull-result.ts';
import { removeDestination } from './destination.ts';

export interface ForkedPullerOptions {
  /** Gives a process to attach to, each time one is needed. */
  readonly spawn: () => ChildProcess;
  /** The process's environment; what is secret in it is kept out of messages. */
  readonly env: Environment;
  readonly settings: SourceSettings;
  readonly logger: Logger;
  /** Milliseconds without a pull after which the process is let go. */
  readonly idleMs: number;
  /** Milliseconds a pull may take to clean up after an abort before the process is killed. */
  readonly abortGraceMs: number;
}

export const DEFAULT_IDLE_MS = 10_000;
export const DEFAULT_ABORT_GRACE_MS = 10_000;

/** A puller whose process can be started ahead of the first pull, which then need not wait for it. */
export interface ForkedPuller extends Puller {
  warm(): void;
}

/**
 * Pulls in a child process that lives only while there is work, so that the storage SDKs and the buffers of large
 * downloads never count against the idle agent. If the child dies, the pulls in it fail with PullerCrashed and the next
 * pull gets a new one.
 */
export function createForkedPuller(options: ForkedPullerOptions): ForkedPuller {
  const { spawn, env, settings, logger, idleMs, abortGraceMs } = options;
  const secrets = secretValues(env);
  const stopper = new AbortController();
  let child: PullerProcess | undefined;
  const letGo = (): void => {
    child?.end();
    child = undefined;
  };
  const pulls = createRegister(idleMs, letGo);
  const crashed = async (how: string): Promise<void> => {
    const lost = pulls.all();
    child = undefined;
    if (lost.length > 0) logger.warn({ pulls: lost.length, how }, 'the puller ended with pulls in it');
    for (const [number, { request }] of lost) {
      await removeLost(request, logger);
      pulls.settle(number, failedPull(crashOf(how), request, secrets));
    }
  };
  const running = (): PullerProcess => {
    child ??= attachPuller(spawn(), {
      onMessage: (message) => {
        if (message.type === 'result') pulls.settle(message.pull, message.result);
        else pulls.progress(message.pull, message.progress);
      },
      onDeath: (dead, how) => (dead === child ? crashed(how) : Promise.resolve()),
    }).configured(settings);
    return child;
  };

  return {
    warm: () => {
      if (stopper.signal.aborted) return;
      running();
      pulls.rest();
    },
    pull: async (request, signal, onProgress) => {
      const either = AbortSignal.any([signal, stopper.signal]);
      if (either.aborted) return failedPull(new PullAbortedError('the pull was given up'), request, secrets);
      const { number, settled } = pulls.add(request, onProgress);
      return askFor(number, { process: running(), request, signal: either, settled, abortGraceMs });
    },
    stop: async () => {
      stopper.abort();
      const ended = child?.ended;
      await Promise.all(pulls.all().map(([, { settled }]) => settled));
      pulls.close();
      letGo();
      await ended;
    },
  };
}

function crashOf(how: string): PullerCrashedError {
  return new PullerCrashedError(`the puller's process ended (${how}); the download is tried again`);
}

async function removeLost({ id, destination }: PullRequest, logger: Logger): Promise<void> {
  await removeDestination(destination).catch((error: unknown) =>
    logger.warn({ err: error, id }, 'a half-made download could not be removed'),
  );
}

interface Asked {
  readonly process: PullerProcess;
  readonly request: PullRequest;
  readonly signal: AbortSignal;
  readonly settled: Promise<PullResult>;
  readonly abortGraceMs: number;
}

/** Sends one pull, and its abort; a process that does not clean up in time is killed, which settles the pull too. */
async function askFor(
  number: number,
  { process, request, signal, settled, abortGraceMs }: Asked,
): Promise<PullResult> {
  let killLater: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    process.send({ type: 'abort', pull: number });
    killLater = setTimeout(() => process.kill(), abortGraceMs).unref();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  process.send({ type: 'pull', pull: number, request });
  try {
    return await settled;
  } finally {
    clearTimeout(killLater);
    signal.removeEventListener('abort', onAbort);
  }
}
