import { PullError } from '../sources/errors.ts';

/** Where the agent keeps its own files there is a link, or something else that it did not put there. */
export class PlantedEntryError extends PullError {
  readonly code = 'PLANTED_ENTRY';
  readonly reason = 'PlantedEntry';
  readonly retryable = true;
}
