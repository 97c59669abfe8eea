import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** The files for an API server that calls webhooks with a client certificate, and for a webhook that requires one. */
export interface ApiServerCertificate {
  /** For `--webhook-client-ca`. */
  readonly authorityFile: string;
  readonly cert: string;
  readonly key: string;
  /** For kube-apiserver. */
  readonly flag: string;
  remove(): Promise<void>;
}

/**
 * As in SECURITY.md, except for the user's name: here the webhook is registered by URL, with a port that is not known
 * yet.
 */
export async function apiServerCertificate(): Promise<ApiServerCertificate> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-client-'));
  const algorithm = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;
  const authority = await generate([{ name: 'commonName', value: 'webhook-clients' }], {
    ...algorithm,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const client = await generate([{ name: 'commonName', value: 'kube-apiserver' }], {
    ...algorithm,
    ca: { cert: authority.cert, key: authority.private },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', clientAuth: true },
    ],
  });
  const [authorityFile, kubeconfig, configuration] = [
    join(directory, 'ca.pem'),
    join(directory, 'webhook-kubeconfig.yaml'),
    join(directory, 'admission.yaml'),
  ];
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const user = {
    'client-certificate-data': base64(client.cert),
    'client-key-data': base64(client.private),
  };
  const configurationOf = (name: string): object => ({
    name,
    configuration: {
      ...{ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration' },
      kubeConfigFile: kubeconfig,
    },
  });
  await Promise.all([
    writeFile(authorityFile, authority.cert),
    writeFile(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', users: [{ name: '*', user }] })),
    writeFile(
      configuration,
      JSON.stringify({
        ...{ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration' },
        plugins: ['MutatingAdmissionWebhook', 'ValidatingAdmissionWebhook'].map(configurationOf),
      }),
    ),
  ]);
  return {
    authorityFile,
    cert: client.cert,
    key: client.private,
    flag: `--admission-control-config-file=${configuration}`,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
