import { randomBytes } from 'node:crypto';
import type { TokenUser } from '../../../src/development/controlplane/layout.ts';
import { NODE_ADDRESS, NODE_NAME, SERVICE_RANGE } from './addresses.ts';

/** The components that talk to the API server, each under the name that Kubernetes' own roles are bound to. */
export interface ComponentUsers {
  readonly controllerManager: TokenUser;
  readonly scheduler: TokenUser;
  readonly kubelet: TokenUser;
  readonly proxy: TokenUser;
}

/** https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles */
export function componentUsers(): ComponentUsers {
  const user = (name: string, groups: readonly string[] = []): TokenUser => ({
    name,
    groups,
    token: randomBytes(24).toString('base64url'),
  });
  return {
    controllerManager: user('system:kube-controller-manager'),
    scheduler: user('system:kube-scheduler'),
    kubelet: user(`system:node:${NODE_NAME}`, ['system:nodes']),
    proxy: user('system:kube-proxy'),
  };
}

/** For pods to reach the API server by its Service, and for a kubelet to have a kubelet's rights and no more. */
export const API_SERVER_FLAGS: readonly string[] = [
  '--bind-address=0.0.0.0',
  `--advertise-address=${NODE_ADDRESS}`,
  '--endpoint-reconciler-type=lease',
  `--service-cluster-ip-range=${SERVICE_RANGE}`,
  // Beside RBAC, which is there: this flag's values add up.
  '--authorization-mode=Node',
  '--enable-admission-plugins=NodeRestriction',
  // Its name means nothing to a machine's DNS.
  '--kubelet-preferred-address-types=InternalIP',
];
