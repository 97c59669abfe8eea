import { closeSync, openSync, readSync } from 'node:fs';
import { open, readdir, readFile, readlink } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';

/** The memory in bytes of the process that listens at a port, with its descendants. Undefined if it is not visible. */
export type ProcessMemory = () => Promise<number | undefined>;

/** The state of a listening socket: TCP_LISTEN of include/net/tcp_states.h. */
const LISTENS = '0A';
const KIB = 1024;
/** Larger than any file of a process that is read here; the kernel returns up to this much in one read. */
const LONGEST_BYTES = 4 * KIB;
/** How many files of processes to read before other work gets a turn. */
const READ_AT_ONCE = 64;

/**
 * Finds the process in /proc (proc(5)). If the pod shares its process namespace (`shareProcessNamespace: true`), or
 * runs outside a node, the agent sees the model server's processes. In all other pods it sees only its own, none of
 * which listens there. It may read the open files of processes of its own user only: the webhook gives the agent the
 * model server's user.
 */
export function processMemoryAt(port: number): ProcessMemory {
  let known: Holder | undefined;
  return async () => {
    if (known === undefined || !(await stillHolds(known))) known = await holderOf(port);
    if (known === undefined) return undefined;
    const sizes = await Promise.all((await familyOf(known.pid)).map(sizeOf));
    const sum = sizes.reduce((total, size) => total + size, 0);
    return sum > 0 ? sum : undefined;
  };
}

/** A process with an open socket, and the socket's name. */
interface Holder {
  readonly pid: number;
  readonly path: string;
  readonly socket: string;
}

async function stillHolds({ path, socket }: Holder): Promise<boolean> {
  return (await linkAt(path)) === socket;
}

/** The process with the port's listening socket. If several processes share it, the one that started the others. */
async function holderOf(port: number): Promise<Holder | undefined> {
  const sockets = await listeningAt(port);
  if (sockets.size === 0) return undefined;
  const holders = new Map<number, Holder>();
  // Not this one, which has a descriptor for each request.
  for (const pid of (await processes()).filter((each) => each !== process.pid)) {
    const holder = await holding(pid, sockets);
    if (holder !== undefined) holders.set(pid, holder);
  }
  const parents = await parentsOf([...holders.keys()]);
  return [...holders.values()].find(({ pid }) => !holders.has(parents.get(pid) ?? 0));
}

async function listeningAt(port: number): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(textOf));
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const sockets = tables
    .flatMap((table) => table.split('\n'))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hex}`) === true && state === LISTENS)
    .map((fields) => `socket:[${fields[9] ?? ''}]`);
  return new Set(sockets);
}

async function holding(pid: number, sockets: ReadonlySet<string>): Promise<Holder | undefined> {
  const directory = `/proc/${pid}/fd`;
  for (const name of await namesIn(directory)) {
    const path = `${directory}/${name}`;
    const socket = await linkAt(path);
    if (socket !== undefined && sockets.has(socket)) return { pid, path, socket };
  }
  return undefined;
}

/** A process and all its descendants. */
async function familyOf(pid: number): Promise<readonly number[]> {
  const parents = await parentsOf(await processes());
  const family = new Set([pid]);
  // A child may be listed before its parent: as many rounds as there are generations.
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const [child, parent] of parents) if (family.has(parent)) family.add(child);
  }
  return [...family];
}

/**
 * Reads the files one after the other into one buffer: reading a file of unknown length takes 64 KiB each, and a node
 * has hundreds of processes. Each read is synchronous and takes some microseconds.
 */
async function parentsOf(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const parents = new Map<number, number>();
  const buffer = Buffer.allocUnsafe(LONGEST_BYTES);
  for (const [index, pid] of pids.entries()) {
    if (index % READ_AT_ONCE === READ_AT_ONCE - 1) await setImmediate();
    parents.set(pid, parentIn(startOf(`/proc/${pid}/stat`, buffer)));
  }
  return parents;
}

function startOf(path: string, buffer: Buffer): string {
  try {
    const file = openSync(path, 'r');
    try {
      return buffer.toString('utf8', 0, readSync(file, buffer));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}

/** The fourth field. The second is the name in parentheses, which may contain any character. */
function parentIn(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

/** Shared memory counts in part if that may be read, else in full. */
async function sizeOf(pid: number): Promise<number> {
  const share = /^Pss:\s+(\d+) kB/m.exec(await shortTextOf(`/proc/${pid}/smaps_rollup`))?.[1];
  const size = share ?? /^VmRSS:\s+(\d+) kB/m.exec(await shortTextOf(`/proc/${pid}/status`))?.[1];
  return Number(size ?? 0) * KIB;
}

/** Asynchronous: summing up a large process takes the kernel a while. */
async function shortTextOf(path: string): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(LONGEST_BYTES), 0, LONGEST_BYTES);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return '';
  } finally {
    await file.close();
  }
}

async function processes(): Promise<readonly number[]> {
  return (await namesIn('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

// The process may be gone, or belong to another user.
async function namesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch(() => []);
}
async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
async function linkAt(path: string): Promise<string | undefined> {
  return readlink(path).catch(() => undefined);
}
