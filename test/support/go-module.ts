import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The directory with the files of a Go module at one pinned version, by way of Go's own cache and checksum database.
 * For what a project publishes beside its Go code, such as its CustomResourceDefinitions.
 * @throws when Go is missing or fails
 */
export async function goModule(path: string, version: string): Promise<string> {
  // Outside of any module: no go.mod decides on the version.
  const { stdout } = await run('go', ['mod', 'download', '-json', `${path}@${version}`], { cwd: '/' });
  return (JSON.parse(stdout) as { readonly Dir: string }).Dir;
}
