import type { CredentialAnswer } from './credential-scene.ts';
import { askForEach } from './credential-scene.ts';
import type { CredentialCase } from './credential-case.ts';
import { kserveSystemConfig } from './kserve-install.ts';
import { startKServeCluster } from './kserve-cluster.ts';

/** What KServe's own webhook made of a case, or the reason for a refusal. */
export type RecordedAnswer = CredentialAnswer | { readonly refused: string };

/** Sends each case in turn to the pod webhook of KServe's own manager, on a real API server. */
export async function recordKServe(
  cases: readonly CredentialCase[],
): Promise<Readonly<Record<string, RecordedAnswer>>> {
  const cluster = await startKServeCluster();
  try {
    const outcomes = await askForEach(cluster, cases, kserveSystemConfig());
    const answers = [...outcomes].map(([name, outcome]): [string, RecordedAnswer] => [
      name,
      outcome.kind === 'admitted' ? outcome.answer : { refused: outcome.message },
    ]);
    return Object.fromEntries(answers);
  } finally {
    await cluster.stop();
  }
}
