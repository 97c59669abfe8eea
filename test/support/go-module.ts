import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * The directory with the files of a Go module at a pinned version, through Go's cache and checksum database. Used for
 * files that a project publishes beside its Go code, such as CustomResourceDefinitions.
 * @throws when Go is missing or fails
 */
export async function goModule(path: string, version: string): Promise<string> {
  // Outside of any module, so that no go.mod determines the version.
  const { stdout } = await run('go', ['mod', 'download', '-json', `${path}@${version}`], { cwd: '/' });
  return (JSON.parse(stdout) as { readonly Dir: string }).Dir;
}
