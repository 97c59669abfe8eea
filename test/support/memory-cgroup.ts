import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

/** A memory limit that the kernel holds, as it does for a container. */
export interface MemoryCgroup {
  /** To be called right after a process was started: what it has by then is not counted. */
  add(pid: number): Promise<void>;
  /** The most that its processes had, page cache included, in MiB. */
  peakMib(): Promise<number>;
  /** How often the limit had to end a process. */
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

/** Undefined where this process may not make one, which takes root. */
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
      // The kernel is done with a process a moment after it has ended.
      remove: () => eventually(() => rmdir(directory)),
    };
  }
  return undefined;
}
