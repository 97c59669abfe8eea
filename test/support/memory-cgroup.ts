import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

/** A memory limit that the kernel enforces, as for a container. */
export interface MemoryCgroup {
  /** Call it right after the start of a process: memory it already has is not counted. */
  add(pid: number): Promise<void>;
  /** The peak memory of its processes with page cache, in MiB. */
  peakMib(): Promise<number>;
  /** How often the limit had to kill a process. */
  killed(): Promise<number>;
  /** Its processes must have ended. */
  remove(): Promise<void>;
}

/** https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and https://docs.kernel.org/admin-guide/cgroup-v2.html */
const VERSIONS = [
  {
    ...{ root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
    ...{ peak: 'memory.max_usage_in_bytes', events: 'memory.oom_control' },
  },
  { root: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak', events: 'memory.events' },
] as const;

/** Undefined if this process may not create one, which needs root. */
export async function memoryCgroup(mebibytes: number): Promise<MemoryCgroup | undefined> {
  for (const { root, limit, peak, events } of VERSIONS) {
    const directory = join(root, `kserve-mms-test-${process.pid}-${performance.now()}`);
    try {
      await mkdir(directory);
      await access(join(directory, peak));
      await writeFile(join(directory, limit), String(mebibytes * 1024 * 1024));
    } catch {
      await rmdir(directory).catch(() => undefined);
      continue;
    }
    return {
      add: (pid) => writeFile(join(directory, 'cgroup.procs'), String(pid)),
      peakMib: async () => Number(await readFile(join(directory, peak), 'utf8')) / 1024 / 1024,
      killed: async () =>
        Number(/^oom_kill (\d+)$/m.exec(await readFile(join(directory, events), 'utf8'))?.[1] ?? 0),
      // The kernel releases a process a moment after its end.
      remove: () => eventually(() => rmdir(directory)),
    };
  }
  return undefined;
}
