import process from 'node:process';
import { paste, shellOf } from '../../support/page.ts';
import { withDiagnosis } from './diagnosis.ts';
import { run } from './this-node.ts';

export const SYSTEM_NAMESPACE = 'kserve-mms-system';
export const MANAGER = 'deployment/kserve-mms-manager';

/** Installs as the README says, and waits until every replica is ready. Repeating it changes nothing. */
export function install(): Promise<void> {
  return follow('README.md', 'Install it on a cluster');
}

/** Runs the commands of one section of a page on the node. */
export async function follow(page: string, heading: string): Promise<void> {
  const script = await shellOf(page, heading);
  await withDiagnosis(SYSTEM_NAMESPACE, () => paste(script, { env: process.env }));
}

/** Resolves once a Deployment has all replicas of its latest version. */
export async function rolledOut(namespace: string, deployment: string): Promise<void> {
  await withDiagnosis(namespace, () =>
    run('-n', namespace, 'rollout', 'status', deployment, '--timeout=120s'),
  );
}
