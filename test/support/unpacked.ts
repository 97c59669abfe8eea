import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The files of a `.tar.gz` by path, as unpacked by tar. */
export async function unpacked(archive: string): Promise<Map<string, string>> {
  const target = await mkdtemp(join(dirname(archive), 'unpacked-'));
  await run('tar', ['-xzf', archive, '-C', target]);
  const entries = await readdir(target, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const read = files.map(
    async (path) => [path.slice(target.length + 1), await readFile(path, 'utf8')] as const,
  );
  return new Map(await Promise.all(read));
}
