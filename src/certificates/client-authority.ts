import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { seconds } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import { messageOf, MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';

/** The file with the authorities of the API server's client certificate cannot be used. */
class ClientAuthorityError extends MmsError {
  readonly code = 'CLIENT_AUTHORITY_INVALID';
  readonly retryable = false;
}

/** kubelet needs a minute to update a mounted ConfigMap or Secret, so checking more often is no faster. */
const LOOK_EVERY = seconds(30);
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates in a PEM file, as text.
 *
 * @throws {ClientAuthorityError} when it cannot be read, or holds none that can be parsed
 */
export async function readClientAuthority(file: string): Promise<string> {
  try {
    const certificates = (await readFile(file, 'utf8')).match(CERTIFICATE) ?? [];
    if (certificates.length === 0) throw new Error('there is no certificate in it');
    return certificates.map((pem) => new X509Certificate(pem).toString()).join('');
  } catch (cause) {
    throw new ClientAuthorityError(
      `--webhook-client-ca ${file} cannot be used: ${messageOf(cause)}; give a PEM file with the certificate of the ` +
        "authority that signs the API server's client certificate",
      { cause },
    );
  }
}

/** Checks the file until the signal aborts, and passes on changes. An unusable file changes nothing. */
export async function followClientAuthority(
  options: {
    readonly file: string;
    readonly current: string;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly changed: (pem: string) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  const { file, clock, logger, changed } = options;
  let { current } = options;
  for (;;) {
    await clock.sleep(LOOK_EVERY, signal);
    if (signal.aborted) return;
    try {
      const found = await readClientAuthority(file);
      if (found === current) continue;
      current = found;
      changed(found);
      logger.info({ file }, 'the webhook asks for client certificates of other authorities now');
    } catch (thrown) {
      logger.warn({ file, error: messageOf(thrown) }, 'the webhook goes on with the authorities that it has');
    }
  }
}
