import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A memory limit as a container has it, around a process that runs already. */
export interface MemoryCgroup {
  /** The most that it has used, in bytes. */
  peak(): Promise<number>;
  /** How often the limit had to end a process. */
  killed(): Promise<number>;
  /** After the process has ended. */
  remove(): Promise<void>;
}

const ROOT = '/sys/fs/cgroup';
let count = 0;

/** Undefined where this process may make no cgroup: it then takes root. */
export async function limitMemory(pid: number, bytes: number): Promise<MemoryCgroup | undefined> {
  const name = `kserve-mms-${process.pid}-${count++}`;
  for (const version of VERSIONS) {
    const directory = join(ROOT, version.under, name);
    try {
      await mkdir(directory);
      await writeFile(join(directory, version.limit), String(bytes));
      await writeFile(join(directory, 'cgroup.procs'), String(pid));
    } catch {
      await rmdir(directory).catch(() => undefined);
      continue;
    }
    return {
      peak: async () => Number(await readFile(join(directory, version.peak), 'utf8')),
      killed: async () =>
        Number(/^oom_kill (\d+)$/m.exec(await readFile(join(directory, version.events), 'utf8'))?.[1] ?? 0),
      remove: () => rmdir(directory).catch(() => undefined),
    };
  }
  return undefined;
}

/** https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and https://docs.kernel.org/admin-guide/cgroup-v2.html */
const VERSIONS = [
  {
    ...{ under: 'memory', limit: 'memory.limit_in_bytes' },
    ...{ peak: 'memory.max_usage_in_bytes', events: 'memory.oom_control' },
  },
  { under: '', limit: 'memory.max', peak: 'memory.peak', events: 'memory.events' },
];
