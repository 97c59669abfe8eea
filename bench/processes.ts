import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from '../test/support/process-cpu.ts';
import { familyOf } from '../test/support/process-memory.ts';

/** What a process and its descendants take, in MiB. */
export interface Memory {
  /** Resident pages, each whole. */
  readonly rss: number;
  /** By the share in each. */
  readonly pss: number;
  /** Of the pages that no file backs: what the container's cgroup calls `anon`, and a node cannot drop. */
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

/** So little in a second counts as idle, in CPU seconds. */
const IDLE_SECONDS = 0.02;
/** So long at a stretch: our puller outlives its last download by 10 s, and is no part of what idles. */
const QUIET_SECONDS = 12;

/** Waits until a process has no descendants that come and go and does next to nothing; at most `limitMs`. */
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
