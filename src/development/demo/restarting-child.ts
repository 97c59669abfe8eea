import { aborted } from '../../lib/abort.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Milliseconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { startServerChild } from './child-process.ts';
import type { ServerChild, ServerChildOptions } from './child-process.ts';

type RestartingChild = Pick<ServerChild, 'stop'>;

/** Kubelet restarts a container at once, then after 10 s and twice as long each time up to 5 min. Source: pod-lifecycle. */
const BACKOFF = { first: seconds(10), cap: seconds(300) };
/** After so long without an end, the next restart is the first again. */
const FORGIVEN_AFTER = seconds(600);

/** How long kubelet would wait after so many restarts. */
export function restartDelay(restarts: number): Milliseconds {
  return restarts === 0
    ? milliseconds(0)
    : milliseconds(Math.min(BACKOFF.cap, BACKOFF.first * 2 ** (restarts - 1)));
}

/**
 * Starts a server, and starts it again whenever it ends, until it is stopped. Resolves once it is ready for the first time.
 *
 * @param say called with each exit and each restart
 * @throws {ServerStartError} when the first start fails
 */
export async function startRestartingChild(
  options: ServerChildOptions,
  say: (line: string) => void,
): Promise<RestartingChild> {
  const stopping = new AbortController();
  // With Ctrl-C all processes of the terminal would end at once, and what ends by it would be restarted.
  const own = { ...options, ownGroup: true };
  const child = await startServerChild(own);
  const kept = keepRunning(child, { ...own, say, signal: stopping.signal });
  return {
    async stop() {
      stopping.abort();
      const last = await kept;
      await last.stop();
    },
  };
}

/** Resolves with the child that was last, once the signal aborts. */
async function keepRunning(
  first: ServerChild,
  options: ServerChildOptions & { readonly say: (line: string) => void; readonly signal: AbortSignal },
): Promise<ServerChild> {
  const { what, clock, say, signal, logFile } = options;
  let child = first;
  let startedAt = clock.monotonic();
  for (let restarts = 0; ; restarts += 1) {
    const how = await Promise.race([child.ended, aborted(signal)]);
    if (signal.aborted) return child;
    if (clock.monotonic() - startedAt > FORGIVEN_AFTER) restarts = 0;
    const wait = restartDelay(restarts);
    const when = wait === 0 ? 'now' : `in ${wait / 1000} s`;
    say(`${what} has ended (${String(how)}) and is started again ${when}; its log is ${logFile}`);
    await clock.sleep(wait, signal);
    if (isAborted(signal)) return child;
    startedAt = clock.monotonic();
    try {
      child = await startServerChild({ ...options, appendLog: true });
      say(`${what} is ready again`);
    } catch (thrown) {
      // The child before it has ended, so that the next round comes at once, with a longer wait.
      if (!isAborted(signal)) say(messageOf(thrown));
    }
  }
}

/** TypeScript believes that a field stays as it was before an await. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
