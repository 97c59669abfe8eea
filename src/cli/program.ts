import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { MmsError } from '../core/errors.ts';
import { SettingsError } from '../core/settings-error.ts';
import { agentCommand } from './agent.ts';
import { clusterCommand } from './cluster.ts';
import { demoCommand } from './demo.ts';
import { injectCommand } from './inject.ts';
import { managerCommand } from './manager.ts';
import { newCommand } from './io.ts';
import type { CommandIo } from './io.ts';
import { packageVersion } from './version.ts';

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** Every command of `mms`; a new one is a function `(io) => Command` in a file of its own, added to this list. */
const COMMANDS: readonly ((io: CommandIo) => Command)[] = [
  agentCommand,
  clusterCommand,
  demoCommand,
  injectCommand,
  managerCommand,
];

/** The whole command line. */
export function createProgram(io: CommandIo): Command {
  const program = newCommand('mms', io)
    .description('Multi-model serving for KServe')
    .version(packageVersion())
    .showHelpAfterError('(run mms --help for what there is)');
  for (const command of COMMANDS) program.addCommand(command(io));
  return program;
}

/**
 * Runs one command line (without node and script) and resolves with the exit code: 0 done, 1 failed, 2 not a
 * command line that makes sense. It never rejects.
 */
export async function run(args: readonly string[], io: CommandIo): Promise<number> {
  try {
    await createProgram(io).parseAsync(args, { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    // commander has printed its own message; --help and --version arrive here too, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (error instanceof SettingsError) {
      for (const fault of error.faults) io.stderr.write(`mms: ${fault}\n`);
      return EXIT_USAGE;
    }
    io.stderr.write(`mms: ${describe(error)}\n`);
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
