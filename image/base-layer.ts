import type { Base } from './base.ts';
import { file } from './entry.ts';
import type { Entry } from './entry.ts';
import { ImageError } from './errors.ts';
import type { OpenedPackage } from './packages.ts';
import type { Platform } from './platform.ts';
import type { TarFile } from './tar-files.ts';

/** Who the container runs as; by number, so that kubelet can tell that it is not root. */
export const USER = { id: 65532, name: 'nonroot' };

export interface BaseParts {
  readonly base: Base;
  readonly platform: Platform;
  readonly node: ReadonlyMap<string, TarFile>;
  readonly debian: readonly OpenedPackage[];
  /** PEM certificates of the authorities that Node itself trusts. */
  readonly authorities: readonly string[];
}

/**
 * What does not change with the program: Node, the libraries it is linked to, the authorities' certificates, and what a
 * program looks up in /etc. No shell, no package manager, nothing else that could be run.
 */
export function baseLayer({ base, platform, node, debian, authorities }: BaseParts): Entry[] {
  return [
    taken(node, 'package/bin/node', 'usr/local/bin/node'),
    taken(node, 'package/LICENSE', 'usr/local/share/doc/node/LICENSE'),
    ...libraries(platform).flatMap(([name, paths]) => {
      const opened = debian.find((one) => one.name === name);
      return paths.map((path) => taken(opened?.files ?? new Map(), path, path));
    }),
    // Where scanners look for the packages of an image without dpkg. Source: GoogleContainerTools/distroless.
    ...debian.map(({ name, control }) => file(`var/lib/dpkg/status.d/${name}`, control)),
    file('etc/ssl/certs/ca-certificates.crt', `${authorities.join('\n')}\n`),
    file(
      'etc/passwd',
      `root:x:0:0:root:/:/nonexistent\n${USER.name}:x:${USER.id}:${USER.id}::/:/nonexistent\n`,
    ),
    file('etc/group', `root:x:0:\n${USER.name}:x:${USER.id}:\n`),
    // Without it the C library would not read /etc/hosts first.
    file('etc/nsswitch.conf', 'hosts: files dns\n'),
    file('etc/os-release', osRelease(base.debian.release)),
  ];
}

/** The shared libraries that Node's build names (readelf -d), by package, and each package's copyright. */
function libraries({ libraries: directory, loader, loaderLink }: Platform): [string, string[]][] {
  const names = [loader, 'libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0'];
  return [
    [
      'libc6',
      [...names.map((name) => `lib/${directory}/${name}`), loaderLink, 'usr/share/doc/libc6/copyright'],
    ],
    ['libgcc-s1', [`lib/${directory}/libgcc_s.so.1`, 'usr/share/doc/libgcc-s1']],
    [
      'libstdc++6',
      [
        `usr/lib/${directory}/libstdc++.so.6`,
        `usr/lib/${directory}/libstdc++.so.6.0.30`,
        'usr/share/doc/libstdc++6',
      ],
    ],
    ['gcc-12-base', ['usr/share/doc/gcc-12-base/copyright']],
  ];
}

/** An entry with what a package has at a path. */
function taken(files: ReadonlyMap<string, TarFile>, from: string, path: string): Entry {
  const found = files.get(from);
  if (found === undefined) {
    throw new ImageError(
      'FILE_MISSING',
      `a package in image/base.json has no ${from}; image/base-layer.ts names it`,
    );
  }
  if (found.kind === 'link') return { kind: 'link', path, target: found.target };
  return file(path, found.content, (found.mode & 0o111) === 0 ? 0o644 : 0o755);
}

function osRelease(release: string): string {
  return `PRETTY_NAME="kserve-mms on Debian ${release}"\nID=debian\nVERSION_ID="${release}"\n`;
}
