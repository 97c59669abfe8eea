/** Signs of life for people who wait; written to standard error, so that no output is disturbed. */
import { say } from './run.mjs';

const EVERY_MS = 30_000;

/** Runs `work`, and says every half minute that `what` still goes on. */
export async function withSigns(what, work, { everyMs = EVERY_MS, write = say } = {}) {
  const started = performance.now();
  const timer = setInterval(() => write(`  … ${what}: ${secondsSince(started)} s`), everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** Which test files are done and which run: `12 of 240 files; running: test/unit/a.test.ts (31 s)`. */
export function progressLine({ done, total, running }, now) {
  const files = [...running].map(([file, since]) => `${file} (${Math.round((now - since) / 1000)} s)`);
  return `  … ${done} of ${total} files; running: ${files.join(', ')}`;
}

function secondsSince(started) {
  return Math.round((performance.now() - started) / 1000);
}
