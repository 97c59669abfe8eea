import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { exists } from './exists.ts';

/** A program that Go can build from its module, at one pinned version. */
export interface GoTool {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** Build tags, for example to leave out what is not needed here. */
  readonly tags?: string;
}

/** The directory of downloaded and built tools, kept between runs. */
export function toolCache(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'kserve-mms', 'tools');
}

/**
 * The path of a tool: from the cache, else built with Go into it (about a minute), with Go's progress on stderr.
 * @throws when Go is missing or fails; the message says what to do.
 */
export async function goTool({ name, package: goPackage, version, tags }: GoTool): Promise<string> {
  const directory = join(toolCache(), `${name}-${version}`);
  const binary = join(directory, name);
  if (await exists(binary)) return binary;
  process.stderr.write(`building ${name} ${version} with Go, once; it takes about a minute\n`);
  await mkdir(toolCache(), { recursive: true });
  // Built elsewhere and moved, so that test workers that start at once never see half a tool.
  const building = await mkdtemp(join(toolCache(), '.building-'));
  try {
    await goInstall(`${goPackage}@${version}`, building, tags);
    await mkdir(directory, { recursive: true });
    await rename(join(building, name), binary);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return binary;
}

async function goInstall(target: string, GOBIN: string, tags = ''): Promise<void> {
  const args = ['install', '-trimpath', '-ldflags', '-s -w', '-tags', tags, target];
  const go = spawn('go', args, {
    env: { ...process.env, GOBIN, CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await Promise.race([once(go, 'exit'), once(go, 'error').then(() => ['no go'])])) as [
    unknown,
  ];
  if (code === 0) return;
  throw new Error(
    `go install ${target} failed (${String(code)}). Install Go (https://go.dev/dl), with access to a Go module proxy.`,
  );
}
