import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { once } from 'node:events';

/**
 * Waits until this process is gone, however it went (exception, SIGTERM, SIGKILL): its end of the pipe closes
 * then. Kills what the directory's *.pid files name, and removes the directory when it is a temporary one.
 */
const GUARD_SCRIPT = `
cat >/dev/null
for file in "$1"/*.pid; do [ -e "$file" ] && kill -KILL "$(cat "$file")" 2>/dev/null; done
if [ "$2" = temporary ]; then rm -rf "$1" || { sleep 1; rm -rf "$1"; }; fi
`;

/** Stands by to clean up after this process. */
export interface Guard {
  /** To be called once everything is cleaned up the ordinary way. */
  dismiss(): Promise<void>;
}

/**
 * Sees to it that no process with a pid file in `directory` outlives this one. A signal handler could not do that:
 * it would take the decision what a signal means from the program, and SIGKILL has none.
 */
export function guardDirectory(directory: string, kind: 'temporary' | 'permanent'): Guard {
  const guard = spawn('sh', ['-c', GUARD_SCRIPT, 'guard', directory, kind], {
    // Its own session: Ctrl-C in a terminal must not take the guard away first.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  const exited = once(guard, 'exit').catch(() => undefined);
  guard.unref();
  // A pipe of spawn is a socket; without this it would keep the program running.
  if (guard.stdin instanceof Socket) guard.stdin.unref();
  return {
    dismiss: async () => {
      if (guard.exitCode !== null || guard.signalCode !== null) return;
      guard.ref();
      guard.kill('SIGKILL');
      await exited;
    },
  };
}
