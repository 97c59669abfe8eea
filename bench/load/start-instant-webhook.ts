import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loopbackIssue } from '../../test/support/admission-server.ts';
import type { InstantWebhookJob } from './instant-webhook.mts';

const PROGRAM = fileURLToPath(new URL('instant-webhook.mts', import.meta.url));

/** A webhook that takes no time, in its own process: the upper bound for admissions. */
export interface InstantWebhook {
  readonly baseUrl: string;
  /** The CA in PEM that its callers trust. */
  readonly ca: string;
  stop(): void;
}

/** @param patch its answer to every review: a JSON patch in base64 */
export async function startInstantWebhook(patch: string): Promise<InstantWebhook> {
  const { ca, certificate } = await loopbackIssue();
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.send({ patch, ...certificate } satisfies InstantWebhookJob);
  const [port] = (await once(child, 'message')) as [number];
  return { baseUrl: `https://127.0.0.1:${port}`, ca, stop: () => child.disconnect() };
}
