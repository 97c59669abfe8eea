import { parse } from 'yaml';
import { messageOf } from '../../lib/errors.ts';
import { isRecord } from '../../lib/json.ts';
import { DownloadError } from './errors.ts';
import type { Platform } from './platform.ts';
import { compareVersions, formatVersion, notNewerThan, parseReleaseVersion } from './version.ts';
import type { MinorVersion, ReleaseVersion } from './version.ts';

/** One archive of the envtest index. */
export interface EnvtestArchive {
  readonly version: ReleaseVersion;
  readonly url: string;
  /** Hexadecimal, lower case. */
  readonly sha512: string;
}

/**
 * Picks the newest archive for the platform that is not newer than the wanted minor release. The format of the
 * index is that of kubernetes-sigs/controller-tools, `envtest-releases.yaml`.
 * @throws DownloadError when the text is not such an index or has nothing that fits.
 */
export function chooseArchive(indexText: string, platform: Platform, wanted: MinorVersion): EnvtestArchive {
  const candidates = Object.entries(releasesOf(indexText))
    .map(([name, archives]) => archiveOf(name, archives, platform))
    .filter((archive) => archive !== undefined)
    .filter((archive) => notNewerThan(archive.version, wanted))
    .sort((a, b) => compareVersions(b.version, a.version));
  const newest = candidates[0];
  if (newest === undefined) {
    throw new DownloadError(
      `the index lists no archive for ${platform.os}/${platform.arch} up to Kubernetes ${wanted.major}.${wanted.minor}`,
    );
  }
  return newest;
}

function releasesOf(indexText: string): Record<string, unknown> {
  const index = parseYaml(indexText);
  const releases = isRecord(index) ? index['releases'] : undefined;
  if (!isRecord(releases)) {
    throw new DownloadError(
      'the answer is not an envtest index (no `releases` in it): is the URL that of an envtest-releases.yaml?',
    );
  }
  return releases;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new DownloadError(`the index is not YAML: ${messageOf(error)}`, { cause: error });
  }
}

function archiveOf(name: string, archives: unknown, platform: Platform): EnvtestArchive | undefined {
  const version = parseReleaseVersion(name);
  if (version === undefined || !isRecord(archives)) return undefined;
  const entry = archives[`envtest-${formatVersion(version)}-${platform.os}-${platform.arch}.tar.gz`];
  if (!isRecord(entry)) return undefined;
  const { hash, selfLink } = entry;
  if (typeof hash !== 'string' || typeof selfLink !== 'string') return undefined;
  return { version, url: selfLink, sha512: hash.toLowerCase() };
}
