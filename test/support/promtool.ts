import { execFile } from 'node:child_process';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { messageOf } from '../../src/lib/errors.ts';
import { mayInstall } from './apt-install.ts';
import { builtOnce, goTool } from './go-tool.ts';
import { findProgram } from './installed-program.ts';

const run = promisify(execFile);

/** Prometheus's own tool. Resolves with its output; rejects with all its output when it fails. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const path = await findPromtool();
  try {
    const { stdout, stderr } = await run(path, args, { maxBuffer: 16 * 1024 * 1024 });
    return stdout + stderr;
  } catch (thrown) {
    const { stdout, stderr } = thrown as { stdout: string; stderr: string };
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause: thrown });
  }
}

/**
 * From the PATH, otherwise from Debian's package, otherwise built with Go, which takes over ten minutes on two
 * processors.
 */
async function findPromtool(): Promise<string> {
  const found = await findProgram(['promtool'], process.env);
  if (found !== undefined) return found;
  try {
    return await fromDebian();
  } catch (thrown) {
    process.stderr.write(`no promtool from Debian: ${messageOf(thrown)}\n`);
    return goTool({
      name: 'promtool',
      // Go's version of Prometheus 3.16.
      package: 'github.com/prometheus/prometheus/cmd/promtool',
      version: 'v0.316.0',
      // Without target discovery, because the clients of all clouds make the build several times as long.
      tags: 'remove_all_sd',
    });
  }
}

/** Unpacked into the cache and not installed, so it needs no root and starts no Prometheus. */
async function fromDebian(): Promise<string> {
  const directory = await builtOnce('promtool-debian', ['promtool'], async (building) => {
    process.stderr.write("unpacking promtool from Debian's package prometheus\n");
    const download = () => run('apt-get', ['download', 'prometheus'], { cwd: building });
    await download().catch(async (thrown: unknown) => {
      // A fresh machine has no package lists yet.
      if (!mayInstall(process.env)) throw thrown;
      await run('apt-get', ['update']);
      await download();
    });
    const [archive = ''] = await readdir(building);
    await run('dpkg-deb', ['--extract', archive, 'unpacked'], { cwd: building });
    await rename(join(building, 'unpacked/usr/bin/promtool'), join(building, 'promtool'));
  });
  return join(directory, 'promtool');
}
