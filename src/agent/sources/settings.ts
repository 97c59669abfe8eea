/** Limits for one model. Above them the pull fails with LimitExceeded and leaves no files. */
export interface ModelLimits {
  /** Bytes on disk, all files together. */
  readonly maxBytes: number;
  /** Files and directories. */
  readonly maxEntries: number;
  /** Unpacked over packed bytes of an archive, checked only past `ratioFloorBytes` unpacked. */
  readonly maxRatio: number;
  readonly ratioFloorBytes: number;
}

/** An operator's settings for pulls; durations in milliseconds. Passed between processes as JSON. */
export interface SourceSettings {
  readonly connectTimeoutMs: number;
  /** A download fails if the source sends no byte for this long. */
  readonly noProgressTimeoutMs: number;
  /** A download fails if the source stays under `minimumBytesPerSecond` over this much waiting. */
  readonly slowWindowMs: number;
  readonly minimumBytesPerSecond: number;
  /** The number of attempts in a row without a byte before a file fails. */
  readonly attemptsPerFile: number;
  readonly maxRedirects: number;
  readonly limits: ModelLimits;
  /** A pull's first download never waits. Further parallel downloads take from this pool, which all pulls share. */
  readonly sharedDownloads: number;
  readonly downloadsPerModel: number;
  /** `pvc://<claim>/path` is `<pvcRoot>/<claim>/path`. */
  readonly pvcRoot: string;
  /** `file:///path` is allowed only below one of these. */
  readonly fileRoots: readonly string[];
  /** Addresses or CIDR ranges denied to a storageUri, in addition to the metadata services. */
  readonly deniedNetworks: readonly string[];
}

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/**
 * Generous: the largest open models are near 1.4 TB as published, and deflate's best ratio is 1,032. Only a source under
 * 1 KiB/s for a minute, where 1 MiB would take a quarter of an hour, counts as too slow.
 */
export const DEFAULT_SOURCE_SETTINGS: SourceSettings = {
  connectTimeoutMs: 10_000,
  // A pull-through cache sends nothing until it has the whole file from its own source.
  noProgressTimeoutMs: 120_000,
  slowWindowMs: 60_000,
  minimumBytesPerSecond: 1024,
  attemptsPerFile: 3,
  maxRedirects: 5,
  limits: { maxBytes: 2048 * GIB, maxEntries: 100_000, maxRatio: 200, ratioFloorBytes: 256 * MIB },
  sharedDownloads: 16,
  downloadsPerModel: 4,
  pvcRoot: '/mnt/pvc',
  fileRoots: [],
  deniedNetworks: [],
};
