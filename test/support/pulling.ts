import { lstat, mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Puller, PullResult } from '../../src/agent/puller/contract.ts';
import { createInProcessPuller } from '../../src/agent/puller/in-process-puller.ts';
import type { Resolve } from '../../src/agent/sources/guarded-connect.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../src/agent/sources/settings.ts';
import type { SourceSettings } from '../../src/agent/sources/settings.ts';
import { testForkedPuller } from './forked-puller.ts';
import { systemClock } from '../../src/lib/system-clock.ts';

export interface PullOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly settings?: Partial<SourceSettings>;
  readonly resolve?: Resolve;
  readonly signal?: AbortSignal;
  /** In its own process, because jest's globals differ from Node's and the AWS SDK then loses error codes. */
  readonly forked?: boolean;
  /** A puller that is used for several pulls and stopped by the test. It has its own environment and settings. */
  readonly puller?: Puller;
}

export interface Pulled {
  readonly result: PullResult;
  /** Every file below the model's directory, by path; empty without a directory. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Permission bits of files and directories. */
  readonly modes: ReadonlyMap<string, number>;
  /** Everything else in the directory around it, which must be empty. */
  readonly outside: readonly string[];
}

/** Pulls one model into a new directory in its own sandbox, reads everything in the sandbox, and removes it. */
export async function pullOnce(storageUri: string, options: PullOptions = {}): Promise<Pulled> {
  const sandbox = await mkdtemp(join(tmpdir(), 'kserve-mms-pull-'));
  const models = join(sandbox, 'a', 'b', 'models');
  const destination = join(models, 'm1');
  await mkdir(models, { recursive: true });
  const settings = { ...DEFAULT_SOURCE_SETTINGS, ...options.settings };
  const { env = {}, resolve, signal = new AbortController().signal } = options;
  const puller =
    options.puller ??
    (options.forked
      ? testForkedPuller({ env, settings })
      : createInProcessPuller({ env, settings, clock: systemClock, ...(resolve && { resolve }) }));
  try {
    const result = await puller.pull({ id: 'm1', storageUri, destination }, signal, () => undefined);
    const all = await readdir(sandbox, { recursive: true });
    const expected = new Set(['a', 'a/b', 'a/b/models', 'a/b/models/m1']);
    const there = all.includes('a/b/models/m1');
    if (there !== (result.kind === 'pulled')) throw new Error(`there: ${there}, but ${result.kind}`);
    const inside = all.filter((path) => path.startsWith('a/b/models/m1/'));
    const outside = all.filter((path) => !expected.has(path) && !inside.includes(path));
    const files = new Map<string, Buffer>();
    const modes = new Map<string, number>();
    for (const path of inside) {
      const info = await lstat(join(sandbox, path));
      const name = path.slice('a/b/models/m1/'.length);
      modes.set(name, info.mode & 0o7777);
      if (info.isFile()) files.set(name, await readFile(join(sandbox, path)));
      else if (!info.isDirectory()) outside.push(`${path} is neither file nor directory`);
    }
    return { result, files, modes, outside };
  } finally {
    if (options.puller === undefined) await puller.stop();
    await rm(sandbox, { recursive: true, force: true });
  }
}

/** File contents as text, sorted by path, for comparing. */
export function texts({ files }: Pulled): Record<string, string> {
  return Object.fromEntries([...files].sort().map(([path, content]) => [path, content.toString()]));
}
