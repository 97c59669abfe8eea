import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from '../../src/controlplane/control-plane.ts';
import { testControlPlane } from './control-plane.ts';

const TOKEN = 'the-manager';
/** The manager's service account, as the manifests name it. */
export const MANAGER_USER = 'system:serviceaccount:kserve-mms-system:kserve-mms-manager';

/** A control plane, and a kubeconfig with which one acts as the manager's service account and has its rights only. */
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
