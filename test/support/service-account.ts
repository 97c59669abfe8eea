import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { testControlPlane } from './control-plane.ts';

const TOKEN = 'the-manager';
/** The manager's service account in the manifests. */
export const MANAGER_USER = 'system:serviceaccount:kserve-mms-system:kserve-mms-manager';

/** A control plane, and a kubeconfig with the identity and the rights of the manager's service account. */
export async function controlPlaneWithManagerAccount(apiServerFlags: readonly string[] = []): Promise<{
  readonly controlPlane: ControlPlane;
  readonly managerKubeconfig: string;
}> {
  const controlPlane = await testControlPlane({
    ...{ users: [{ name: MANAGER_USER, token: TOKEN, groups: [] }], apiServerFlags },
  });
  const admin = await readFile(controlPlane.kubeconfigPath, 'utf8');
  const managerKubeconfig = join(controlPlane.directory, 'manager.kubeconfig');
  await writeFile(managerKubeconfig, admin.replace(controlPlane.token, TOKEN), { mode: 0o600 });
  return { controlPlane, managerKubeconfig };
}
