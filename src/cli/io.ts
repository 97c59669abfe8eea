import type { Readable, Writable } from 'node:stream';
import { Command } from 'commander';

/** Everything of the process that a command may touch; src/main.ts passes the real one, tests their own. */
export interface CommandIo {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: Readable;
  /** The result of a command, and nothing else. */
  readonly stdout: Writable;
  /** Progress, warnings and errors. */
  readonly stderr: Writable;
  /**
   * Aborts at the first SIGINT or SIGTERM; a second one ends the process at once. A command that does not ask for it is
   * ended by the first.
   */
  readonly interruption: () => AbortSignal;
}

/** A command that writes to the given streams and throws CommanderError instead of ending the process. */
export function newCommand(name: string, io: CommandIo): Command {
  return new Command(name).exitOverride().configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
  });
}
