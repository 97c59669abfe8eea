import { join } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { seconds } from '../../../src/lib/clock.ts';
import { logTail, startServer } from '../../../src/development/controlplane/server-process.ts';
import type { ServerProcess } from '../../../src/development/controlplane/server-process.ts';

/** The servers of one node, each with its log in the directory. */
export interface Servers {
  start(name: string, command: string, args: readonly string[]): Promise<ServerProcess>;
  /** @throws with the end of the log of a server that has ended */
  requireAll(): Promise<void>;
  /** The last started server ends first. */
  stop(): Promise<void>;
}

export function servers(directory: string): Servers {
  const running: { readonly name: string; readonly process: ServerProcess; readonly logFile: string }[] = [];
  return {
    async start(name, command, args) {
      const logFile = join(directory, `${name}.log`);
      const pidFile = join(directory, `${name}.pid`);
      await writeFile(logFile, '');
      const process = await startServer({ command, args, logFile, pidFile });
      running.push({ name, process, logFile });
      return process;
    },
    async requireAll() {
      for (const { name, process, logFile } of running) {
        if (process.ended === undefined) continue;
        throw new Error(
          `${name} ended (${process.ended}); the end of ${logFile}:\n${await logTail(logFile)}`,
        );
      }
    },
    async stop() {
      for (const { process } of running.reverse()) await process.end(seconds(5));
    },
  };
}
