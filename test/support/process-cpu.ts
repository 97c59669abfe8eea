import { readFile } from 'node:fs/promises';
import { familyOf } from './process-memory.ts';

/** The duration of a clock tick of proc_pid_stat(5) on Linux: 1/100 s on every platform that Node runs on. */
const TICKS_A_SECOND = 100;

/** The CPU time of a process and its descendants, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const ticks = (await familyOf(pid)).map(async (member) => {
    const text = await readFile(`/proc/${member}/stat`, 'utf8').catch(() => '');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return (await Promise.all(ticks)).reduce((sum, some) => sum + some, 0) / TICKS_A_SECOND;
}
