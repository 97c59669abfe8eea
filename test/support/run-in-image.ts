import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import process from 'node:process';

/** A directory with the files of an image, and the volumes that a runtime would mount. */
export interface ImageRoot {
  readonly directory: string;
  /** Writable host directories by their mount path. */
  readonly mounts: Readonly<Record<string, string>>;
}

const USER = 65532;
/** The directories of unshare, mount and chroot. */
const OWN_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/**
 * Emulates a container runtime: a mount namespace, a read-only root, /dev and /proc, volumes, the image's PATH, and a
 * user who is not root. Four settings are followed by pairs of volumes, up to `--`.
 */
const ENTER = `set -e
root="$1"; flags="$2"; enter="$3"; path="$4"; shift 4
chroot=$(command -v chroot); unshare=$(command -v unshare)
mount --bind "$root" "$root"
mount -o "remount,bind,$flags" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
PATH="$path"
case "$enter" in
  chroot) exec "$chroot" --userspec=${USER}:${USER} "$root" "$@" ;;
  userns) exec "$unshare" --user --map-user=${USER} --map-group=${USER} --root="$root" --wd=/ "$@" ;;
esac`;

/**
 * Starts a program of the image. As root the program gets the user's real number, otherwise one in a user namespace.
 * If neither is allowed the program fails to start, with unshare's reason on standard error.
 */
export function spawnInImage(
  { directory, mounts }: ImageRoot,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const root = process.getuid?.() === 0;
  // In a user namespace, flags of the underlying file system must be kept.
  const settings = root ? ['ro', 'chroot'] : ['ro,nosuid,nodev', 'userns'];
  const volumes = Object.entries(mounts).flatMap(([at, host]) => [host, at]);
  const { PATH = '', ...others } = env;
  return spawn(
    'unshare',
    [
      ...(root ? ['--mount'] : ['--user', '--map-root-user', '--mount']),
      ...['sh', '-c', ENTER, 'enter', directory, ...settings, PATH, ...volumes, '--', ...command],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: OWN_PATH, ...others } },
  );
}

/** Unpacks the layers of an archive to `<directory>/root`, with mount points for the volumes as runtimes make them. */
export async function unpackImage(
  { archive, layers }: { readonly archive: string; readonly layers: readonly string[] },
  directory: string,
  volumes: readonly string[],
): Promise<ImageRoot> {
  const run = promisify(execFile);
  const place = async (name: string): Promise<string> => {
    await mkdir(join(directory, name), { recursive: true });
    return join(directory, name);
  };
  const [root, layout] = [await place('root'), await place('layout')];
  await run('tar', ['-xf', archive, '-C', layout]);
  for (const layer of layers) await run('tar', ['-xzf', join(layout, layer), '-C', root]);
  for (const at of ['dev', 'proc', ...volumes]) await mkdir(join(root, at), { recursive: true });
  const mounts = await Promise.all(
    volumes.map(async (at) => [at, await place(join('volumes', at))] as const),
  );
  // Like an emptyDir: writable for every user.
  for (const [, host] of mounts) await chmod(host, 0o777);
  return { directory: root, mounts: Object.fromEntries(mounts) };
}
