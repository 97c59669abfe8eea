import { arch, argv, env, stderr, stdout, versions } from 'node:process';
import { join, resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cacheDirectory } from '../src/cli/binary-options.ts';
import { messageOf, MmsError } from '../src/lib/errors.ts';
import { ImageError } from './errors.ts';
import { imageContents, writeImage } from './make-image.ts';
import { defaultPlatform, platformOf } from './platform.ts';
import { revisionOf } from './revision.ts';
import { writeRootfs } from './rootfs.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE = `npm run image -- [--platform linux/amd64|linux/arm64] [--output DIRECTORY] [--allow-dirty]
npm run image -- --rootfs DIRECTORY [--platform …]`;

try {
  await main(argv.slice(2));
} catch (thrown) {
  if (!(thrown instanceof MmsError)) throw thrown;
  stderr.write(`error: ${thrown.message}\n`);
  process.exitCode = thrown instanceof ImageError && thrown.code === 'USAGE' ? 2 : 1;
}

async function main(args: readonly string[]): Promise<void> {
  const { platform: name, output, rootfs, 'allow-dirty': allowDirty } = optionsOf(args);
  const platform = platformOf(name);
  // First, since it is the fault that is found soonest. A root filesystem is of no commit.
  const revision =
    rootfs === undefined
      ? await revisionOf(ROOT, { allowDirty, epoch: env['SOURCE_DATE_EPOCH'] })
      : undefined;
  const contents = await imageContents({
    root: ROOT,
    platform,
    tools: { cache: join(cacheDirectory(env), 'image'), npm: npmOf(env['npm_execpath']) },
    running: { version: versions.node, authorities: rootCertificates },
  });
  if (revision === undefined) {
    await writeRootfs(resolve(rootfs ?? ''), [...contents.base, ...contents.app]);
    return;
  }
  const made = await writeImage({ ...contents, platform }, revision, resolve(output));
  const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  stderr.write(
    `${made.archive}: ${mebibytes(made.archiveBytes)}, unpacked ${mebibytes(made.unpackedBytes)}, of ${revision.id}\n`,
  );
  stdout.write(`${made.digest}\n`);
}

function optionsOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        platform: { type: 'string', default: defaultPlatform(arch) },
        output: { type: 'string', default: join(ROOT, 'dist-image') },
        rootfs: { type: 'string' },
        'allow-dirty': { type: 'boolean', default: false },
      },
    }).values;
  } catch (thrown) {
    throw new ImageError('USAGE', `${messageOf(thrown)}\n${USAGE}`, { cause: thrown });
  }
}

/** The npm that started this; it may not be on the PATH. */
function npmOf(cli: string | undefined): { command: string; args: string[] } {
  return cli?.endsWith('npm-cli.js') === true
    ? { command: process.execPath, args: [cli] }
    : { command: 'npm', args: [] };
}
