import { MmsError } from '../../lib/errors.ts';

/** Where etcd and kube-apiserver can come from, in the order they are tried. */
export type BinarySource = 'KUBEBUILDER_ASSETS' | 'cache' | 'download' | 'go-build';

/** One source that was tried, and why it did not give the binaries. */
export interface FailedAttempt {
  readonly source: BinarySource;
  readonly reason: string;
}

/** No source gave etcd and kube-apiserver; the message lists each reason and the ways out. */
export class BinariesNotFoundError extends MmsError {
  readonly code = 'CONTROL_PLANE_BINARIES_NOT_FOUND';
  readonly retryable = false;
  readonly attempts: readonly FailedAttempt[];

  constructor(message: string, attempts: readonly FailedAttempt[]) {
    super(message);
    this.attempts = attempts;
  }
}

/** There are no etcd and kube-apiserver for this operating system and processor. */
export class UnsupportedPlatformError extends MmsError {
  readonly code = 'CONTROL_PLANE_PLATFORM_UNSUPPORTED';
  readonly retryable = false;
}

/** The envtest index or archive could not be had, or is not what it should be. */
export class DownloadError extends MmsError {
  readonly code = 'ENVTEST_DOWNLOAD_FAILED';
  readonly retryable = true;
}

/** The archive's SHA-512 is not the index's; nothing of it was unpacked. */
export class ChecksumMismatchError extends MmsError {
  readonly code = 'ENVTEST_CHECKSUM_MISMATCH';
  readonly retryable = false;
}

/** A program that was run for its result (tar, go) failed or is not installed. */
export class ProgramError extends MmsError {
  readonly code = 'PROGRAM_FAILED';
  readonly retryable = false;
}

/** etcd or kube-apiserver did not start; the message ends with the end of its log. */
export class ControlPlaneStartError extends MmsError {
  readonly code = 'CONTROL_PLANE_START_FAILED';
  readonly retryable = true;
}

/** No cluster of that name runs (or not all of it). */
export class ClusterNotRunningError extends MmsError {
  readonly code = 'CLUSTER_NOT_RUNNING';
  readonly retryable = false;
}
