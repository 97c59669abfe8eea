import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { familyOf } from '../test/support/process-memory.ts';

/** What a clock tick of proc_pid_stat(5) is on Linux: 1/100 s on every platform that Node runs on. */
const TICKS_A_SECOND = 100;

/** What a process and its descendants have used of the processors, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const ticks = (await familyOf(pid)).map(async (member) => {
    const text = await readFile(`/proc/${member}/stat`, 'utf8').catch(() => '');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return (await Promise.all(ticks)).reduce((sum, some) => sum + some, 0) / TICKS_A_SECOND;
}

/** The most resident memory that a process ever had, in MiB. Source: VmHWM in proc_pid_status(5). */
export async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

/** Resident memory of a process and its descendants in MiB: pages whole (RSS), and by the share in them (PSS). */
export async function memoryOf(pid: number): Promise<{ readonly rss: number; readonly pss: number }> {
  const texts = (await familyOf(pid)).map((member) =>
    readFile(`/proc/${member}/smaps_rollup`, 'utf8').catch(() => ''),
  );
  const all = await Promise.all(texts);
  const sum = (field: string): number =>
    all.reduce(
      (total, text) => total + Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0),
      0,
    );
  return { rss: sum('Rss') / 1024, pss: sum('Pss') / 1024 };
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
