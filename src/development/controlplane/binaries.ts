import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../lib/errors.ts';
import { isExecutable, lookUpMinor, missingPrograms } from './binary-cache.ts';
import { downloadEnvtest } from './envtest-download.ts';
import { BinariesNotFoundError } from './errors.ts';
import type { BinarySource, FailedAttempt } from './errors.ts';
import { buildWithGo } from './go-build.ts';
import { withLock } from './lock.ts';
import type { Platform } from './platform.ts';
import type { Progress } from './progress.ts';
import type { MinorVersion } from './version.ts';

/** Where to look; every path and variable is read at the edge and passed in. */
export interface BinaryOptions {
  readonly wanted: MinorVersion;
  readonly platform: Platform;
  /** The value of KUBEBUILDER_ASSETS, when set. */
  readonly assetsDirectory: string | undefined;
  /** The cache of control-plane versions; made when needed. */
  readonly cache: string;
  /** An envtest-releases.yaml. */
  readonly indexUrl: string;
  /** The directory with the go.mod to build from. */
  readonly moduleDirectory: string;
  /** The environment of `go`. */
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

/** Paths of the programs, and where they came from. */
interface ControlPlaneBinaries {
  readonly etcd: string;
  readonly kubeApiserver: string;
  /** The one beside them, else the one in PATH, if there is one: just `kubectl`. */
  readonly kubectl: string;
  readonly directory: string;
  readonly source: BinarySource;
}

/**
 * Finds etcd and kube-apiserver: KUBEBUILDER_ASSETS, else the cache, else a download, else a build with Go.
 * @throws BinariesNotFoundError when none works.
 */
export async function findBinaries(options: BinaryOptions): Promise<ControlPlaneBinaries> {
  const attempts: FailedAttempt[] = [];
  const found =
    (await attempt('KUBEBUILDER_ASSETS', attempts, () => fromAssets(options.assetsDirectory))) ??
    (await attempt('cache', attempts, () => fromCache(options))) ??
    (await fetchUnderLock(options, attempts));
  if (found !== undefined) return found;
  throw new BinariesNotFoundError(explain(options, attempts), attempts);
}

async function attempt(
  source: BinarySource,
  attempts: FailedAttempt[],
  find: () => Promise<string>,
): Promise<ControlPlaneBinaries | undefined> {
  try {
    const directory = await find();
    const [etcd, kubeApiserver] = [join(directory, 'etcd'), join(directory, 'kube-apiserver')];
    const kubectl = (await isExecutable(join(directory, 'kubectl'))) ? join(directory, 'kubectl') : 'kubectl';
    return { etcd, kubeApiserver, kubectl, directory, source };
  } catch (error) {
    attempts.push({ source, reason: messageOf(error) });
    return undefined;
  }
}

async function fromAssets(directory: string | undefined): Promise<string> {
  if (directory === undefined || directory === '') throw new Error('not set');
  const missing = await missingPrograms(directory);
  if (missing.length > 0) throw new Error(`${directory} has no executable ${missing.join(', ')}`);
  return directory;
}

async function fromCache({ cache, wanted }: BinaryOptions): Promise<string> {
  const directory = await lookUpMinor(cache, wanted);
  if (directory === undefined) throw new Error(`${cache} has no complete ${minorName(wanted)}`);
  return directory;
}

/** Several processes that start at once (test workers) fetch once; the others find it in the cache afterwards. */
async function fetchUnderLock(
  options: BinaryOptions,
  attempts: FailedAttempt[],
): Promise<ControlPlaneBinaries | undefined> {
  const { cache, progress } = options;
  const fetchOnce = async (): Promise<ControlPlaneBinaries | undefined> =>
    (await attempt('cache', [], () => fromCache(options))) ??
    (await attempt('download', attempts, () => downloadEnvtest(options))) ??
    (await attempt('go-build', attempts, () => {
      progress(`no download: ${attempts.at(-1)?.reason ?? ''}`);
      return buildWithGo(options);
    }));
  try {
    await mkdir(cache, { recursive: true });
    return await withLock(
      join(cache, '.lock'),
      () => {
        progress('another process is fetching the control plane; waiting for it');
      },
      fetchOnce,
    );
  } catch (error) {
    attempts.push({ source: 'cache', reason: `cannot be written: ${messageOf(error)}` });
    return undefined;
  }
}

function explain({ wanted, platform }: BinaryOptions, attempts: readonly FailedAttempt[]): string {
  const labels: Record<BinarySource, string> = {
    KUBEBUILDER_ASSETS: 'KUBEBUILDER_ASSETS',
    cache: 'the cache',
    download: 'download of an envtest archive',
    'go-build': 'build with Go',
  };
  return [
    `no etcd and kube-apiserver (Kubernetes ${minorName(wanted)}, ${platform.os}/${platform.arch}). Tried:`,
    ...attempts.map(({ source, reason }) => `  - ${labels[source]}: ${reason}`),
    'One of these is enough:',
    '  - set KUBEBUILDER_ASSETS to a directory that holds both (`setup-envtest use -p path` prints one)',
    '  - allow access to the network, or set KSERVE_MMS_ENVTEST_INDEX to the envtest-releases.yaml of a mirror',
    '  - install Go (https://go.dev/dl) with access to a Go module proxy (GOPROXY), to build them',
    '  - set XDG_CACHE_HOME to a directory that can be written, if the cache is the trouble',
  ].join('\n');
}

function minorName({ major, minor }: MinorVersion): string {
  return `${major}.${minor}`;
}
