import { randomBytes } from 'node:crypto';
import type { TokenUser } from '../../../src/development/controlplane/layout.ts';
import { NODE_ADDRESS, NODE_NAME, SERVICE_RANGE } from './addresses.ts';

/** The components that call the API server, each with the user name that Kubernetes' default roles are bound to. */
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

/** Lets pods reach the API server by its Service, and limits a kubelet to a kubelet's rights. */
export const API_SERVER_FLAGS: readonly string[] = [
  '--bind-address=0.0.0.0',
  `--advertise-address=${NODE_ADDRESS}`,
  '--endpoint-reconciler-type=lease',
  `--service-cluster-ip-range=${SERVICE_RANGE}`,
  // In addition to RBAC, because values of this flag add up.
  '--authorization-mode=Node',
  '--enable-admission-plugins=NodeRestriction',
  // A machine's DNS does not know the node's name.
  '--kubelet-preferred-address-types=InternalIP',
];
