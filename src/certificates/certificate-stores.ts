import { MmsError } from '../lib/errors.ts';
import type { CertificateSecret } from './certificate-secret.decide.ts';

/** Another writer was faster. Read again and decide again. */
export class StaleWriteError extends MmsError {
  readonly code = 'STALE_WRITE';
  readonly retryable = true;
}

/** The one Secret that all replicas share. Read it from the API server, not from a cache. */
export interface SecretStore {
  /** Undefined when there is none; rejects when that is not known. */
  read(): Promise<CertificateSecret | undefined>;
  /**
   * Creates the Secret when it has no metadata.resourceVersion, else replaces just that version of it (PUT). Rejects
   * with {@link StaleWriteError} when it exists already, is gone, or has another version.
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

/** All caBundles that API servers check our certificates against, and the versions they were read at. */
export interface PublishedBundles {
  readonly bundles: readonly PublishedBundle[];
  /** Whatever the publisher needs to notice that another process has written since: resourceVersions. */
  readonly version: unknown;
}

export interface CaBundlePublisher {
  /** From the API server, not from a cache. None at all when no webhook is registered yet. */
  read(): Promise<PublishedBundles>;
  /**
   * Sets every caBundle to this PEM, over what was read. Rejects with {@link StaleWriteError} when something was
   * changed since: an authority might be taken away that another leader has just begun to use.
   */
  publish(caBundle: string, over: PublishedBundles): Promise<void>;
}
