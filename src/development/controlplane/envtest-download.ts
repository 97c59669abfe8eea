import { join } from 'node:path';
import { addToCache, lookUpVersion, OPTIONAL_PROGRAMS, REQUIRED_PROGRAMS } from './binary-cache.ts';
import { chooseArchive } from './envtest-index.ts';
import type { EnvtestArchive } from './envtest-index.ts';
import { ChecksumMismatchError, DownloadError } from './errors.ts';
import { fetchFile, fetchText } from './fetch-file.ts';
import type { Platform } from './platform.ts';
import type { Progress } from './progress.ts';
import { runProgram } from './run-program.ts';
import { formatVersion } from './version.ts';
import type { MinorVersion } from './version.ts';

/** The index that controller-runtime's `setup-envtest` uses. */
export const ENVTEST_INDEX =
  'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml';

/** What a download needs to know. */
interface DownloadRequest {
  readonly cache: string;
  readonly indexUrl: string;
  readonly platform: Platform;
  readonly wanted: MinorVersion;
  readonly progress: Progress;
}

/**
 * Puts the programs of the best envtest archive into the cache and resolves with their directory.
 * @throws DownloadError, ChecksumMismatchError, ProgramError
 */
export async function downloadEnvtest(request: DownloadRequest): Promise<string> {
  const { cache, indexUrl, platform, wanted, progress } = request;
  progress(`reading the index of envtest archives: ${indexUrl}`);
  const archive = chooseArchive(await fetchText(indexUrl), platform, wanted);
  const cached = await lookUpVersion(cache, archive.version);
  if (cached !== undefined) return cached;
  progress(`downloading etcd and kube-apiserver ${formatVersion(archive.version)}: ${archive.url}`);
  return addToCache(cache, archive.version, async (directory, workDirectory) => {
    const file = join(workDirectory, 'envtest.tar.gz');
    await fetchVerified(archive, file, progress);
    await unpackPrograms(file, directory);
  });
}

async function fetchVerified(archive: EnvtestArchive, file: string, progress: Progress): Promise<void> {
  const sha512 = await fetchFile(archive.url, file, progress);
  if (sha512 === archive.sha512) return;
  throw new ChecksumMismatchError(
    `${archive.url} is not the file that the index describes (SHA-512 ${sha512.slice(0, 16)}… ` +
      `instead of ${archive.sha512.slice(0, 16)}…); it was not unpacked. ` +
      'A broken mirror or proxy is the likely cause',
  );
}

/** Members are read through a pipe into files of our own naming, so no path in the archive can lead elsewhere. */
async function unpackPrograms(file: string, directory: string): Promise<void> {
  const listing = await runProgram({ command: 'tar', args: ['-tzf', file] });
  const members = new Map(listing.split('\n').map((member) => [member.split('/').at(-1), member]));
  for (const name of [...REQUIRED_PROGRAMS, ...OPTIONAL_PROGRAMS]) {
    const member = members.get(name);
    if (member !== undefined) {
      const outputFile = join(directory, name);
      await runProgram({ command: 'tar', args: ['-xzOf', file, member], outputFile });
    } else if (REQUIRED_PROGRAMS.some((required) => required === name)) {
      throw new DownloadError(`the archive holds no ${name}`);
    }
  }
}
