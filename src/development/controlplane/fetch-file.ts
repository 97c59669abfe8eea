import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { messageOf } from '../../lib/errors.ts';
import type { Milliseconds } from '../../lib/clock.ts';
import { seconds } from '../../lib/clock.ts';
import { DownloadError } from './errors.ts';
import type { Progress } from './progress.ts';

/** Without a network the first answer must be missing for seconds, not minutes, before another source is tried. */
const FIRST_ANSWER_TIMEOUT = seconds(8);
const STALL_TIMEOUT = seconds(30);
const PROGRESS_INTERVAL = seconds(5);
const INDEX_MAX_BYTES = 16 * 1024 * 1024;
const ARCHIVE_MAX_BYTES = 1024 * 1024 * 1024;

/** GETs a small text. @throws DownloadError */
export async function fetchText(url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  await receive(url, INDEX_MAX_BYTES, (chunk) => {
    chunks.push(chunk);
    return Promise.resolve();
  });
  return Buffer.concat(chunks).toString('utf8');
}

/** GETs a file to disk as it arrives. Resolves with its SHA-512 in hexadecimal. @throws DownloadError */
export async function fetchFile(url: string, path: string, progress: Progress): Promise<string> {
  const hash = createHash('sha512');
  const file = await open(path, 'wx');
  try {
    let bytes = 0;
    let reported = performance.now();
    await receive(url, ARCHIVE_MAX_BYTES, async (chunk) => {
      hash.update(chunk);
      await file.write(chunk);
      bytes += chunk.byteLength;
      if (performance.now() - reported > PROGRESS_INTERVAL) {
        reported = performance.now();
        progress(`  … ${Math.round(bytes / 1024 / 1024)} MiB received`);
      }
    });
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

async function receive(
  url: string,
  maxBytes: number,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  const watchdog = watchdogFor();
  try {
    watchdog.expectWithin(FIRST_ANSWER_TIMEOUT);
    const response = await fetch(url, { signal: watchdog.signal });
    if (!response.ok || response.body === null) {
      throw new DownloadError(`GET ${url}: HTTP ${response.status}`);
    }
    let bytes = 0;
    watchdog.expectWithin(STALL_TIMEOUT);
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw new DownloadError(`GET ${url}: more than ${maxBytes} bytes, refused`);
      await take(chunk);
      watchdog.expectWithin(STALL_TIMEOUT);
    }
  } catch (error) {
    if (error instanceof DownloadError) throw error;
    throw new DownloadError(`GET ${url}: ${causeOf(error)}`, { cause: error });
  } finally {
    watchdog.end();
  }
}

/** Aborts its signal when what was expected does not come in time. */
function watchdogFor() {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  return {
    signal: controller.signal,
    expectWithin(span: Milliseconds): void {
      clearTimeout(timer);
      timer = setTimeout(() => {
        controller.abort(new DownloadError(`nothing received for ${span / 1000} s`));
      }, span);
    },
    end(): void {
      clearTimeout(timer);
      controller.abort();
    },
  };
}

/** `fetch failed` says nothing; its cause says why (ENOTFOUND, ECONNREFUSED, …). */
function causeOf(error: unknown): string {
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)} (${messageOf(cause)})`;
}
