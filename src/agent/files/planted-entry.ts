import { PullError } from '../sources/errors.ts';

/** A link, or something else that the agent did not create, is where the agent keeps its own files. */
export class PlantedEntryError extends PullError {
  readonly code = 'PLANTED_ENTRY';
  readonly reason = 'PlantedEntry';
  readonly retryable = true;
}
