import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';

/** A copy of the sources with the image that `npm run image` built from it. */
export interface BuiltImage {
  readonly copy: string;
  /** The printed digest. */
  readonly digest: string;
  readonly archive: string;
  /** The bill of materials beside it. */
  readonly sbom: string;
}

/** Settings that must not affect the image. */
export interface Circumstances {
  readonly umask?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `npm run image` in a copy of the sources. */
export async function runImage(
  copy: string,
  args: readonly string[],
  { umask = '022', env }: Circumstances = {},
) {
  const script = ['-c', `umask ${umask}; exec "$@"`, 'sh', process.execPath, 'scripts/image.mjs', ...args];
  const child = spawn('sh', script, {
    cwd: copy,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  const [[code], stdout, stderr] = await ended;
  return { code: code as number, digest: stdout.trim(), stderr };
}

/** Builds the image of a copy of the sources. @throws with the output when it fails */
export async function buildImage(copy: string, circumstances: Circumstances): Promise<BuiltImage> {
  const { code, digest, stderr } = await runImage(copy, [], circumstances);
  if (code !== 0) throw new Error(stderr);
  const made = join(copy, 'dist-image');
  const names = await readdir(made);
  const one = (ending: string): string =>
    join(
      made,
      names.find((name) => name.endsWith(ending))!,
    );
  return { copy, digest, archive: one('.oci.tar'), sbom: one('.cdx.json') };
}
