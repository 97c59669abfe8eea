import type { PageDocument } from '../page-documents.decide.ts';
import { PAGE_VERSION } from '../page-documents.decide.ts';

export type Connection =
  | { readonly state: 'connecting' | 'live' | 'paused' }
  /** Since when no document has arrived, if one ever had. */
  | { readonly state: 'lost'; readonly since: Date | undefined }
  /** The manager and this page have different versions. */
  | { readonly state: 'outdated' };

interface Polling {
  /** Polls at once, with the current address. */
  poke(): void;
}

const EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 10_000;
const LONGEST_WAIT_MS = 8_000;

/**
 * Polls the shown document once a second while the page is visible. An unchanged answer is 304 and costs almost
 * nothing.
 * @param onDocument called with each new document, and again with the last one when nothing has changed, because ages
 * grow
 */
export function startPolling(options: {
  readonly address: () => string;
  readonly onDocument: (document: PageDocument) => void;
  readonly onConnection: (connection: Connection) => void;
}): Polling {
  const { address, onDocument, onConnection } = options;
  let last: { readonly address: string; readonly etag: string; readonly document: PageDocument } | undefined;
  let heard: Date | undefined;
  let failures = 0;
  let current = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Undefined when the page is no longer shown. */
  async function ask(signal: AbortSignal): Promise<PageDocument | undefined> {
    const asked = address();
    const etag = last?.address === asked ? last.etag : '';
    const response = await fetch(asked, {
      cache: 'no-store',
      headers: etag === '' ? {} : { 'If-None-Match': etag },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
    if (response.status !== 304) {
      if (!response.ok) throw new Error(`the manager answered ${response.status}`);
      const document = (await response.json()) as PageDocument;
      if (signal.aborted) return undefined;
      last = { address: asked, etag: response.headers.get('ETag') ?? '', document };
    }
    failures = 0;
    heard = new Date();
    return signal.aborted ? undefined : last?.document;
  }

  async function turn(): Promise<void> {
    current.abort();
    current = new AbortController();
    const { signal } = current;
    clearTimeout(timer);
    if (document.hidden) {
      onConnection({ state: 'paused' });
      return;
    }
    const answer = await ask(signal).catch(() => {
      if (signal.aborted) return undefined;
      failures += 1;
      onConnection({ state: 'lost', since: heard });
      return undefined;
    });
    if (signal.aborted) return;
    const wait = Math.min(EVERY_MS * 2 ** Math.max(0, failures - 1), LONGEST_WAIT_MS);
    timer = setTimeout(() => void turn(), wait);
    if (answer === undefined) return;
    if ((answer.version as string) !== PAGE_VERSION) {
      onConnection({ state: 'outdated' });
      return;
    }
    onConnection({ state: 'live' });
    onDocument(answer);
  }

  document.addEventListener('visibilitychange', () => void turn());
  void turn();
  return { poke: () => void turn() };
}
