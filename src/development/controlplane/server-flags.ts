import type { Layout } from './layout.ts';

/** The ports of one control plane, all on 127.0.0.1. */
export interface Ports {
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly apiServer: number;
}

/** Flags of a single etcd; without fsync, since nothing here has to outlive a crash of the machine. */
export function etcdFlags(layout: Layout, ports: Ports): string[] {
  const client = `http://127.0.0.1:${ports.etcdClient}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    '--name=default',
    `--data-dir=${layout.etcdData}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** What of kube-apiserver's behaviour can be chosen. */
interface ApiServerChoices {
  readonly serviceAccountAdmission: boolean;
  /** Appended as they are; a flag given twice counts as it stands last. */
  readonly apiServerFlags: readonly string[];
}

/** Flags of kube-apiserver: token authentication, RBAC, and a serving certificate that it makes for itself. */
export function apiServerFlags(layout: Layout, ports: Ports, choices: ApiServerChoices): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${ports.etcdClient}`,
    `--cert-dir=${layout.certificates}`,
    '--bind-address=127.0.0.1',
    // Without it the server looks for a default route, which an offline machine has not.
    '--advertise-address=127.0.0.1',
    // 127.0.0.1 is not allowed in an Endpoints object, and nothing reaches this server by its Service.
    '--endpoint-reconciler-type=none',
    `--secure-port=${ports.apiServer}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${layout.serviceAccountKey}`,
    `--service-account-signing-key-file=${layout.serviceAccountKey}`,
    `--token-auth-file=${layout.tokens}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    // No controller makes the ServiceAccounts here, and the plugin refuses pods whose account does not exist.
    ...(choices.serviceAccountAdmission ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ...choices.apiServerFlags,
  ];
}
