import type { Writable } from 'node:stream';
import { pino } from 'pino';
import type { DestinationStream } from 'pino';
import type { Logger } from '../lib/log.ts';
import { isTerminal, showsColours } from './terminal.ts';

interface ProcessLogOptions {
  /** In every line, so that combined logs show whether a line is the manager's or the agent's. */
  readonly component: 'manager' | 'agent';
  readonly level: string;
  readonly stdout: Writable;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * The one log of manager and agent: a JSON object a line with `level` (a word), `time` (RFC 3339, UTC), `component`, the
 * fields of the event, and `msg`. A terminal gets the same lines for people to read.
 */
export async function processLog(options: ProcessLogOptions): Promise<Logger> {
  const { component, level, stdout } = options;
  const logger: Logger = pino(
    {
      base: { component },
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    isTerminal(stdout) ? await readable(options) : stdout,
  );
  return logger;
}

/** Loaded for a terminal only, so that pods do not pay for it. */
async function readable({ stdout, environment }: ProcessLogOptions): Promise<DestinationStream> {
  const { default: pretty } = await import('pino-pretty');
  return pretty({
    destination: stdout,
    colorize: showsColours(environment),
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'component',
    singleLine: true,
  });
}
