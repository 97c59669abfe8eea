import type { Writable } from 'node:stream';

/** Whether a person may read what is written there as it comes. */
export function isTerminal(stream: Writable): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}

/** Whether the terminal shows colours, and its user wants them: https://no-color.org */
export function showsColours({ NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  return (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb';
}
