/** A released Kubernetes version; pre-releases are not represented. */
export interface ReleaseVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** The minor release of Kubernetes that is wanted, such as 1.36. */
export type MinorVersion = Omit<ReleaseVersion, 'patch'>;

/** Reads `v1.36.3`; anything else, pre-releases included, is undefined. */
export function parseReleaseVersion(text: string): ReleaseVersion | undefined {
  const match = /^v(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) };
}

/** Negative when `a` is older than `b`. */
export function compareVersions(a: ReleaseVersion, b: ReleaseVersion): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

/** True when the version is of the wanted minor release or of an older one. */
export function notNewerThan(version: ReleaseVersion, wanted: MinorVersion): boolean {
  return version.major < wanted.major || (version.major === wanted.major && version.minor <= wanted.minor);
}

/** `v1.36.3` */
export function formatVersion(version: ReleaseVersion): string {
  return `v${version.major}.${version.minor}.${version.patch}`;
}
