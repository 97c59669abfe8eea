import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtOnce, go } from './go-tool.ts';

/** Pins kstatus and its dependencies. */
const MODULE = fileURLToPath(new URL('../../tools/kstatus', import.meta.url));
const VERSION = 'v0.37.2';

/**
 * The status of each object as computed by kstatus itself, which Flux and kpt use.
 *
 * @throws when Go is missing or fails; the message says what to do
 */
export async function kstatusOf(objects: readonly object[]): Promise<string[]> {
  const directory = await builtOnce(`kstatus-${VERSION}`, ['kstatus'], async (building) => {
    process.stderr.write(`building kstatus ${VERSION} with Go, once; it takes about a minute\n`);
    await go(['build', '-trimpath', '-ldflags', '-s -w', '-o', `${building}/`, '.'], {}, MODULE);
  });
  const output = await new Promise<string>((resolve, reject) => {
    const child = execFile(join(directory, 'kstatus'), (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`kstatus failed: ${stderr}`, { cause: error }));
    });
    child.stdin?.end(objects.map((object) => `${JSON.stringify(object)}\n`).join(''));
  });
  return output.trim().split('\n');
}
