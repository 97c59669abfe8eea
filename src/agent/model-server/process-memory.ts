import { readdir, readFile, readlink } from 'node:fs/promises';

/** The memory in bytes of the process that listens at a port, with its descendants. Undefined if it is not visible. */
export type ProcessMemory = () => Promise<number | undefined>;

/** The state of a listening socket: TCP_LISTEN of include/net/tcp_states.h. */
const LISTENS = '0A';
const KIB = 1024;

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

async function parentsOf(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  const pairs = await Promise.all(
    pids.map(async (pid) => [pid, parentIn(await textOf(`/proc/${pid}/stat`))] as const),
  );
  return new Map(pairs);
}

/** The fourth field. The second is the name in parentheses, which may contain any character. */
function parentIn(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

/** Shared memory counts in part if that may be read, else in full. */
async function sizeOf(pid: number): Promise<number> {
  const share = /^Pss:\s+(\d+) kB/m.exec(await textOf(`/proc/${pid}/smaps_rollup`))?.[1];
  const size = share ?? /^VmRSS:\s+(\d+) kB/m.exec(await textOf(`/proc/${pid}/status`))?.[1];
  return Number(size ?? 0) * KIB;
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
