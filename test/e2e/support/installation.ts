import { fileURLToPath } from 'node:url';
import { run } from './this-node.ts';
import { withDiagnosis } from './diagnosis.ts';

export const SYSTEM_NAMESPACE = 'kserve-mms-system';
export const MANAGER = 'deployment/kserve-mms-manager';
const DEFAULT = fileURLToPath(new URL('../../../manifests/default', import.meta.url));

/** Installs as the README says, and waits until every replica is ready. Applying it again changes nothing. */
export async function install(): Promise<void> {
  await run('apply', '-k', DEFAULT);
  await rolledOut(SYSTEM_NAMESPACE, MANAGER);
}

export async function uninstall(): Promise<void> {
  await run('delete', '-k', DEFAULT, '--ignore-not-found');
}

/** Resolves once a Deployment has the replicas that it wants, of its latest version. */
export async function rolledOut(namespace: string, deployment: string): Promise<void> {
  await withDiagnosis(namespace, () =>
    run('-n', namespace, 'rollout', 'status', deployment, '--timeout=120s'),
  );
}
