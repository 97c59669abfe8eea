import { MmsError } from './errors.ts';

/** The settings of a process are invalid. Lists every fault, each in a line that says what to do. */
export abstract class SettingsError extends MmsError {
  readonly retryable = false;
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.faults = faults;
  }
}
