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

/** Prometheus's own tool. Resolves with what it printed; rejects with all it said when it finds a fault. */
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

/** From the PATH, else out of Debian's package, else built with Go, which takes over ten minutes on two processors. */
async function findPromtool(): Promise<string> {
  const found = await findProgram(['promtool'], process.env);
  if (found !== undefined) return found;
  try {
    return await fromDebian();
  } catch (thrown) {
    process.stderr.write(`no promtool from Debian: ${messageOf(thrown)}\n`);
    return goTool({
      name: 'promtool',
      // Go's name for Prometheus 3.16.
      package: 'github.com/prometheus/prometheus/cmd/promtool',
      version: 'v0.316.0',
      // No discovery of targets: with the clients of all clouds the build takes several times as long.
      tags: 'remove_all_sd',
    });
  }
}

/** Unpacked into the cache and not installed, for which it needs no root, and starts no Prometheus. */
async function fromDebian(): Promise<string> {
  const directory = await builtOnce('promtool-debian', ['promtool'], async (building) => {
    process.stderr.write("unpacking promtool from Debian's package prometheus\n");
    const download = () => run('apt-get', ['download', 'prometheus'], { cwd: building });
    await download().catch(async (thrown: unknown) => {
      // A fresh machine has no lists of packages yet.
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
