import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../test/support/process-cpu.ts';
import { familyOf } from '../test/support/process-memory.ts';

/** The memory of a process and its descendants, in MiB. */
export interface Memory {
  /** Resident pages, shared ones in full. */
  readonly rss: number;
  /** Resident pages, shared ones divided by the number of processes. */
  readonly pss: number;
  /** Anonymous pages: `anon` in the container's cgroup, which a node cannot reclaim. */
  readonly anonymous: number;
}

export async function memoryOf(pid: number): Promise<Memory> {
  const texts = (await familyOf(pid)).map((member) =>
    readFile(`/proc/${member}/smaps_rollup`, 'utf8').catch(() => ''),
  );
  const all = await Promise.all(texts);
  const sum = (field: string): number =>
    all.reduce(
      (total, text) => total + Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0),
      0,
    );
  return { rss: sum('Rss') / 1024, pss: sum('Pss') / 1024, anonymous: sum('Anonymous') / 1024 };
}

/** Fewer CPU seconds in a second than this count as idle. */
const IDLE_SECONDS = 0.02;
/**
 * Idle for this long without a break. Our puller ends 10 s after its last download and does not belong to the idle
 * agent.
 */
const QUIET_SECONDS = 12;

/** Waits until a process has no short-lived descendants and is almost idle; at most `limitMs`. */
export async function settled(pid: number, limitMs = 40_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  let [quiet, before, family] = [0, await cpuSeconds(pid), (await familyOf(pid)).length];
  while (quiet < QUIET_SECONDS && performance.now() < deadline) {
    await sleep(1_000);
    const [now, members] = [await cpuSeconds(pid), (await familyOf(pid)).length];
    quiet = now - before <= IDLE_SECONDS && members === family ? quiet + 1 : 0;
    [before, family] = [now, members];
  }
}
