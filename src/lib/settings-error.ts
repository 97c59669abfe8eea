import { MmsError } from './errors.ts';

/** What a process was told at its start makes no sense: every fault at once, each a line that says what to do. */
export abstract class SettingsError extends MmsError {
  readonly retryable = false;
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}
