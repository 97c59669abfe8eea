import type { ChildProcess } from 'node:child_process';
import type { Logger } from '../../lib/log.ts';
import type { SourceSettings } from '../sources/settings.ts';
import type { PullProgress, PullRequest, PullResult } from './contract.ts';
import { removeDestination } from './destination.ts';
import { attachPuller } from './puller-process.ts';
import type { PullerProcess } from './puller-process.ts';
import { createRegister } from './pull-register.ts';
import type { Crash, LostPull } from './pull-register.ts';

/** One process at a time that pulls. It starts when there is something to pull. */
export interface PullWorker {
  /** Starts the process ahead of the first pull. */
  warm(): void;
  /** Never rejects. When it settles, no partial files are left. */
  pull(
    request: PullRequest,
    signal: AbortSignal,
    onProgress: (progress: PullProgress) => void,
  ): Promise<PullResult | LostPull>;
  /** Waits for its pulls, which should be aborted, and ends the process. */
  stop(): Promise<void>;
}

export interface PullWorkerOptions {
  /** Returns a process to attach to, whenever one is needed. */
  readonly spawn: () => ChildProcess;
  readonly settings: SourceSettings;
  readonly logger: Logger;
  /** Milliseconds without a pull after which the process ends. */
  readonly idleMs: number;
  /** Milliseconds a pull may take to clean up after an abort before the process is killed. */
  readonly abortGraceMs: number;
}

/** Makes a worker without a process. */
export function createPullWorker(options: PullWorkerOptions): PullWorker {
  const { spawn, settings, logger, idleMs, abortGraceMs } = options;
  let child: PullerProcess | undefined;
  /** The pull for which the process was killed. The others had no part in it. */
  let killedFor: number | undefined;
  const letGo = (): void => {
    child?.end();
    child = undefined;
  };
  const pulls = createRegister(idleMs, letGo);
  const crashed = async (how: string): Promise<void> => {
    const lost = pulls.all();
    const cause = killedFor;
    [child, killedFor] = [undefined, undefined];
    if (lost.length > 0) logger.warn({ pulls: lost.length, how }, 'the puller ended during pulls');
    const suspectIn: Crash = { explained: new AbortController() };
    const partOf = (number: number): LostPull['part'] => {
      if (cause !== undefined) return cause === number ? 'proven' : 'none';
      return lost.length > 1 ? { suspectIn } : 'proven';
    };
    await Promise.all(
      lost.map(async ([number, { request }]) => {
        await removeLost(request, logger);
        pulls.settle(number, { kind: 'lost', how, part: partOf(number) });
      }),
    );
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
      running();
      pulls.rest();
    },
    pull: async (request, signal, onProgress) => {
      const { number, settled } = pulls.add(request, onProgress);
      const process = running();
      const kill = (): void => {
        killedFor = number;
        process.kill();
      };
      return askFor(number, { process, kill, request, signal, settled, abortGraceMs });
    },
    stop: async () => {
      const ended = child?.ended;
      await Promise.all(pulls.all().map(([, { settled }]) => settled));
      pulls.close();
      letGo();
      await ended;
    },
  };
}

async function removeLost({ id, destination }: PullRequest, logger: Logger): Promise<void> {
  await removeDestination(destination).catch((error: unknown) =>
    logger.warn({ err: error, id }, 'a partial download could not be removed'),
  );
}

interface Asked {
  readonly process: PullerProcess;
  readonly kill: () => void;
  readonly request: PullRequest;
  readonly signal: AbortSignal;
  readonly settled: Promise<PullResult | LostPull>;
  readonly abortGraceMs: number;
}

/** Sends one pull, and its abort. A process that does not clean up in time is killed, which also settles the pull. */
async function askFor(
  number: number,
  { process, kill, request, signal, settled, abortGraceMs }: Asked,
): Promise<PullResult | LostPull> {
  let killLater: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    process.send({ type: 'abort', pull: number });
    killLater = setTimeout(kill, abortGraceMs).unref();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  process.send({ type: 'pull', pull: number, request });
  if (signal.aborted) onAbort();
  try {
    return await settled;
  } finally {
    clearTimeout(killLater);
    signal.removeEventListener('abort', onAbort);
  }
}
