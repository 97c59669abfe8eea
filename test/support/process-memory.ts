import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Resident memory of a process in MiB; 0 when it is gone. Source: VmRSS in proc_pid_status(5). */
export async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

/** The peak resident memory of a process, in MiB. Source: VmHWM in proc_pid_status(5). */
export async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

/** A process and all its descendants. */
export async function familyOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const pids = children
    .split(' ')
    .filter((text) => text.trim() !== '')
    .map(Number);
  return [pid, ...(await Promise.all(pids.map(familyOf))).flat()];
}

export interface MemoryWatch {
  /** Stops sampling. Returns the peak of all processes together in MiB, and their number at that time. */
  stop(): Promise<{ readonly peakMib: number; readonly processes: number }>;
}

/**
 * Samples the sum of the resident memory of a process and its descendants. Shared pages count for each process, so the
 * sum exceeds what a container is charged.
 */
export function watchMemory(pid: number): MemoryWatch {
  const stopped = new AbortController();
  let peak = { peakMib: 0, processes: 0 };
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      const pids = await familyOf(pid);
      const all = await Promise.all(pids.map(residentMib));
      const sum = all.reduce((total, mib) => total + mib, 0);
      if (sum > peak.peakMib) peak = { peakMib: sum, processes: pids.length };
      await sleep(10);
    }
  })();
  return {
    stop: async () => {
      stopped.abort();
      await watching;
      return peak;
    },
  };
}
