import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { constants, homedir, setPriority } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { withLock } from '../../src/development/controlplane/lock.ts';
import { exists } from './exists.ts';

/** A program that Go can build from its module, at one pinned version. */
export interface GoTool {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** Build tags, for example to omit unneeded features. */
  readonly tags?: string;
}

/** The directory of downloaded and built tools, kept between runs. */
export function toolCache(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'kserve-mms', 'tools');
}

/**
 * The path of a tool: from the cache, otherwise built with Go into it (about a minute).
 * @throws when Go is missing or fails; the message says what to do.
 */
export async function goTool({ name, package: goPackage, version, tags = '' }: GoTool): Promise<string> {
  const directory = await builtOnce(`${name}-${version}`, [name], async (building) => {
    process.stderr.write(`building ${name} ${version} with Go, once; it takes about a minute\n`);
    const args = ['install', '-trimpath', '-ldflags', '-s -w', '-tags', tags, `${goPackage}@${version}`];
    await go(args, { GOBIN: building });
  });
  return join(directory, name);
}

/** A directory of the cache with these programs. `build` creates them in an empty directory if it is missing. */
export async function builtOnce(
  name: string,
  programs: readonly string[],
  build: (directory: string) => Promise<void>,
): Promise<string> {
  const directory = join(toolCache(), name);
  const complete = (): Promise<boolean> =>
    Promise.all(programs.map((program) => exists(join(directory, program)))).then((found) =>
      found.every(Boolean),
    );
  if (await complete()) return directory;
  await mkdir(toolCache(), { recursive: true });
  // Test workers that need the same tool at once would all build it and compete for the processors.
  const waiting = (): void => void process.stderr.write(`waiting for another build of ${name} …\n`);
  await withLock(join(toolCache(), `.${name}.lock`), waiting, async () => {
    if (!(await complete())) await buildAside(directory, programs, build);
  });
  return directory;
}

/** Built in another directory and moved, so that no other process sees an incomplete tool. */
async function buildAside(
  directory: string,
  programs: readonly string[],
  build: (directory: string) => Promise<void>,
): Promise<void> {
  const building = await mkdtemp(join(toolCache(), '.building-'));
  try {
    await build(building);
    await mkdir(directory, { recursive: true });
    for (const program of programs) await rename(join(building, program), join(directory, program));
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** The maximal length of Go's output in an error, in characters. */
const STDERR_TAIL = 4000;

/**
 * Runs Go and resolves with its standard output.
 * @throws when Go is missing or fails; the message has the end of Go's output, and says what to do.
 */
export async function go(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = process.cwd(),
): Promise<string> {
  const child = spawn('go', args, {
    cwd,
    env: { ...process.env, ...env, CGO_ENABLED: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A build uses all cores, so it runs with a low priority.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  const output = text(child.stdout).catch(() => '');
  const errors = text(child.stderr).catch(() => '');
  const [code] = (await Promise.race([once(child, 'exit'), once(child, 'error').then(() => ['no go'])])) as [
    unknown,
  ];
  if (code === 0) return output;
  throw new Error(
    `go ${args.join(' ')} failed (${String(code)}). Install Go (https://go.dev/dl), with access to a Go module proxy.\n` +
      (await errors).trim().slice(-STDERR_TAIL),
  );
}
