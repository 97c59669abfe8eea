import { stringify } from 'yaml';

/** What a client needs to reach an API server with a bearer token. */
interface ClusterAccess {
  /** The name of cluster, user and context in the file. */
  readonly name: string;
  readonly server: string;
  /** PEM */
  readonly ca: string;
  readonly token: string;
}

/** A kubeconfig that refers to no other file, so that it can be copied and mounted. */
export function renderKubeconfig({ name, server, ca, token }: ClusterAccess): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  });
}
