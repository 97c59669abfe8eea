import { seconds } from '../../lib/clock.ts';
import type { Milliseconds } from '../../lib/clock.ts';

/** Takes one line for a person who waits; it goes to standard error at the edge. */
export type Progress = (line: string) => void;

/** Says again and again how long this has taken, until it is done. */
export async function reporting<T>(
  what: string,
  progress: Progress,
  work: () => Promise<T>,
  every: Milliseconds = seconds(15),
): Promise<T> {
  const started = performance.now();
  const timer = setInterval(() => {
    progress(`  … ${what}: ${Math.round((performance.now() - started) / 1000)} s`);
  }, every);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
