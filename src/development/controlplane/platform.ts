import { UnsupportedPlatformError } from './errors.ts';

/** An operating system and processor by Go's names, as envtest archives are named. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

const OPERATING_SYSTEMS = new Map([
  ['linux', 'linux'],
  ['darwin', 'darwin'],
]);

const PROCESSORS = new Map([
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
  ['ppc64', 'ppc64le'],
  ['s390x', 's390x'],
]);

/**
 * Node's names (`process.platform`, `process.arch`) as Go's names.
 * @throws UnsupportedPlatformError where this tool cannot run a control plane.
 */
export function platformOf(nodePlatform: string, nodeArch: string): Platform {
  const os = OPERATING_SYSTEMS.get(nodePlatform);
  const arch = PROCESSORS.get(nodeArch);
  if (os === undefined || arch === undefined) {
    throw new UnsupportedPlatformError(
      `a local control plane runs on Linux and macOS, not on ${nodePlatform}/${nodeArch}; ` +
        'use one of these (on Windows: WSL 2), or point KUBECONFIG at a cluster that runs elsewhere',
    );
  }
  return { os, arch };
}
