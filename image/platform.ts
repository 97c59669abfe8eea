import { ImageError } from './errors.ts';

/** A platform that the image can be made for, by OCI's name of its processor. */
export type Architecture = 'amd64' | 'arm64';

/** What differs between the processors. */
export interface Platform {
  readonly architecture: Architecture;
  /** Node's name of it. */
  readonly nodeArchitecture: 'x64' | 'arm64';
  /** Debian's directory of shared libraries. Source: Debian's multiarch specification. */
  readonly libraries: string;
  /** The loader, which programs name by a path of its own. Source: the ABI of each processor. */
  readonly loader: string;
  readonly loaderLink: string;
}

const PLATFORMS = new Map<string, Platform>([
  [
    'linux/amd64',
    {
      architecture: 'amd64',
      nodeArchitecture: 'x64',
      libraries: 'x86_64-linux-gnu',
      loader: 'ld-linux-x86-64.so.2',
      loaderLink: 'lib64/ld-linux-x86-64.so.2',
    },
  ],
  [
    'linux/arm64',
    {
      architecture: 'arm64',
      nodeArchitecture: 'arm64',
      libraries: 'aarch64-linux-gnu',
      loader: 'ld-linux-aarch64.so.1',
      loaderLink: 'lib/ld-linux-aarch64.so.1',
    },
  ],
]);

/** The image's platform on this machine: Linux, by its processor, since containers are Linux on any machine. */
export function defaultPlatform(nodeArch: string): string {
  return `linux/${nodeArch === 'x64' ? 'amd64' : nodeArch}`;
}

/**
 * @param name as OCI spells it, `linux/amd64`
 * @throws {ImageError} UNSUPPORTED_PLATFORM
 */
export function platformOf(name: string): Platform {
  const platform = PLATFORMS.get(name);
  if (platform !== undefined) return platform;
  throw new ImageError(
    'UNSUPPORTED_PLATFORM',
    `there is no image for ${name}; name one with --platform: ${[...PLATFORMS.keys()].join(', ')}`,
  );
}
