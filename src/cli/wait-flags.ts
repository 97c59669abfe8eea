import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Milliseconds } from '../lib/clock.ts';
import { seconds } from '../lib/clock.ts';
import { parseDuration } from '../lib/duration.ts';
import { MmsError } from '../lib/errors.ts';

export interface WaitFlags {
  readonly wait: boolean;
  readonly timeout: Milliseconds;
}

/** What was waited for did not come about. */
export class NotInTimeError extends MmsError {
  readonly code = 'NOT_IN_TIME';
  readonly retryable = true;
}

const TIMEOUT = seconds(120);

/** `--no-wait` and `--timeout`, for commands whose effect takes a while. */
export function withWaitFlags(command: Command, forWhat: string): Command {
  return command
    .option('--wait', `wait until ${forWhat}`, true)
    .option('--no-wait', 'do not wait')
    .addOption(timeoutOption('how long to wait', TIMEOUT, '2m'));
}

export function timeoutOption(meaning: string, span: Milliseconds, shown: string): Option {
  return new Option('--timeout <duration>', meaning).default(span, shown).argParser(readDuration);
}

function readDuration(text: string): Milliseconds {
  const span = parseDuration(text);
  if (span !== undefined && span > 0) return span;
  throw new InvalidArgumentError('It must be a span of time such as 90s or 2m.');
}
