import { generateKeyPair, randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A person or program the API server knows by a bearer token. */
export interface TokenUser {
  readonly name: string;
  readonly token: string;
  readonly groups: readonly string[];
}

/** Where the files of one control plane are. */
export interface Layout {
  readonly directory: string;
  readonly etcdData: string;
  readonly certificates: string;
  /** The serving certificate that kube-apiserver signs for itself; it is its own root. */
  readonly caFile: string;
  readonly serviceAccountKey: string;
  readonly tokens: string;
  readonly kubeconfig: string;
  readonly etcdLog: string;
  readonly apiServerLog: string;
  readonly etcdPid: string;
  readonly apiServerPid: string;
}

/** The files below a directory; touches nothing. */
export function layoutOf(directory: string): Layout {
  return {
    directory,
    etcdData: join(directory, 'etcd'),
    certificates: join(directory, 'certificates'),
    caFile: join(directory, 'certificates', 'apiserver.crt'),
    serviceAccountKey: join(directory, 'service-account.key'),
    tokens: join(directory, 'tokens.csv'),
    kubeconfig: join(directory, 'kubeconfig'),
    etcdLog: join(directory, 'etcd.log'),
    apiServerLog: join(directory, 'kube-apiserver.log'),
    etcdPid: join(directory, 'etcd.pid'),
    apiServerPid: join(directory, 'kube-apiserver.pid'),
  };
}

/**
 * Makes the directory private and writes what kube-apiserver needs before it starts. A service-account key that is
 * there already is kept, so that tokens stay valid. Resolves with the administrator's token.
 */
export async function prepareLayout(layout: Layout, users: readonly TokenUser[]): Promise<string> {
  await mkdir(layout.certificates, { recursive: true });
  await chmod(layout.directory, 0o700);
  const token = randomBytes(24).toString('base64url');
  const everyone = [{ name: 'admin', token, groups: ['system:masters'] }, ...users];
  await writeFile(layout.tokens, everyone.map(tokenLine).join(''), { mode: 0o600 });
  await writeServiceAccountKey(layout.serviceAccountKey);
  return token;
}

/** One line of a token file. Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/ */
function tokenLine({ name, token, groups }: TokenUser): string {
  const cells = [token, name, name, groups.join(',')];
  return `${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\n`;
}

async function writeServiceAccountKey(path: string): Promise<void> {
  const { privateKey } = await promisify(generateKeyPair)('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  try {
    await writeFile(path, privateKey, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
