import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { CallerJob, CallerReport } from './job.ts';

const CALLER = fileURLToPath(new URL('caller.mts', import.meta.url));

/** Sends the requests of a job from a separate process, so that the work of this one is not measured. */
export async function runCaller(job: CallerJob): Promise<CallerReport> {
  const child = fork(CALLER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the caller ended with ${String(code)} and no report`);
  });
  // The process also ends after its report, when nothing waits for it.
  ended.catch(() => undefined);
  child.send(job);
  const [report] = (await Promise.race([once(child, 'message'), ended])) as [CallerReport];
  return report;
}

/** What a job needs to call an API server. */
export async function apiServerJob({
  server,
  token,
  caFile,
}: ControlPlane): Promise<Pick<CallerJob, 'port' | 'ca' | 'token'>> {
  return { port: Number(new URL(server).port), token, ca: await readFile(caFile, 'utf8') };
}
