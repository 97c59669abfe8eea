import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BinaryOptions } from '../development/controlplane/binaries.ts';
import { ENVTEST_INDEX } from '../development/controlplane/envtest-download.ts';
import { platformOf } from '../development/controlplane/platform.ts';
import type { Progress } from '../development/controlplane/progress.ts';

/** The minor release of Kubernetes that the project is developed and tested with. */
const KUBERNETES_MINOR = { major: 1, minor: 36 };

/** The user's cache directory for this project. Source: XDG base directory specification. */
export function cacheDirectory(environment: NodeJS.ProcessEnv): string {
  const xdg = environment['XDG_CACHE_HOME'];
  // The specification says that a relative path is to be ignored.
  const base = xdg !== undefined && isAbsolute(xdg) ? xdg : join(homedir(), '.cache');
  return join(base, 'kserve-mms');
}

/**
 * Where to look for etcd and kube-apiserver, by the environment: KUBEBUILDER_ASSETS, XDG_CACHE_HOME and
 * KSERVE_MMS_ENVTEST_INDEX (an envtest-releases.yaml, for those behind a mirror).
 * @throws UnsupportedPlatformError
 */
export function binaryOptions(environment: NodeJS.ProcessEnv, progress: Progress): BinaryOptions {
  return {
    wanted: KUBERNETES_MINOR,
    platform: platformOf(process.platform, process.arch),
    assetsDirectory: environment['KUBEBUILDER_ASSETS'],
    cache: join(cacheDirectory(environment), 'controlplane'),
    indexUrl: environment['KSERVE_MMS_ENVTEST_INDEX'] ?? ENVTEST_INDEX,
    // The same from src/cli and from dist/cli.
    moduleDirectory: fileURLToPath(new URL('../../tools/controlplane', import.meta.url)),
    environment,
    progress,
  };
}
