import { CommanderError } from 'commander';
import { MmsError } from '../lib/errors.ts';
import { SettingsError } from '../lib/settings-error.ts';
import type { CommandIo } from './io.ts';

/** Done. */
export const EXIT_OK = 0;
const EXIT_FAILED = 1;
/** Not a command line that makes sense. */
export const EXIT_USAGE = 2;

/** The exit code of a command. It never rejects: an error is written to stderr. */
export async function exitCodeOf({ stderr }: CommandIo, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    // commander has printed its own message; --help and --version arrive here too, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (error instanceof SettingsError) {
      for (const fault of error.faults) stderr.write(`mms: ${fault}\n`);
      return EXIT_USAGE;
    }
    stderr.write(`mms: ${describe(error)}\n`);
    return EXIT_FAILED;
  }
}

/** An error that was foreseen says what to do; of any other the stack is needed to mend it. */
function describe(error: unknown): string {
  if (error instanceof MmsError) return error.message;
  return error instanceof Error
    ? `unexpected error, please report it: ${error.stack ?? error.message}`
    : String(error);
}
