import { MmsError } from '../lib/errors.ts';
import type { CertificateSecret } from './certificate-secret.decide.ts';

/** Another writer was faster. Read and decide again. */
export class StaleWriteError extends MmsError {
  readonly code = 'STALE_WRITE';
  readonly retryable = true;
}

/** The one Secret that all replicas share. Read it from the API server, not from a cache. */
export interface SecretStore {
  /** Undefined when it does not exist; rejects when that is unknown. */
  read(): Promise<CertificateSecret | undefined>;
  /**
   * Creates the Secret if it has no metadata.resourceVersion, else replaces exactly that version (PUT). Rejects with
   * {@link StaleWriteError} when it already exists, is gone, or has another version.
   */
  write(secret: CertificateSecret): Promise<void>;
}

/** The caBundle of one webhook. */
interface PublishedBundle {
  /** For logs: `<configuration>/<webhook>`. */
  readonly name: string;
  /** PEM, decoded; empty when none is set. */
  readonly caBundle: string;
}

/** All caBundles with which API servers verify our certificates, and the versions at which they were read. */
export interface PublishedBundles {
  readonly bundles: readonly PublishedBundle[];
  /** What the publisher needs to notice another process's write: resourceVersions. */
  readonly version: unknown;
}

export interface CaBundlePublisher {
  /** From the API server, not from a cache. Empty when no webhook is registered yet. */
  read(): Promise<PublishedBundles>;
  /**
   * Sets every caBundle to this PEM, if unchanged since it was read. Rejects with {@link StaleWriteError} otherwise:
   * the write could remove an authority that another leader has just begun to use.
   */
  publish(caBundle: string, over: PublishedBundles): Promise<void>;
}
