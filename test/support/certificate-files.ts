import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A self-signed certificate and its key, as PEM and as files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
  remove(): Promise<void>;
}

/** @param names DNS names; the loopback address is always included */
export async function certificateFiles(...names: string[]): Promise<CertificateFiles> {
  const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-tls-'));
  const altNames = [
    { type: 7 as const, ip: '127.0.0.1' },
    ...names.map((value) => ({ type: 2 as const, value })),
  ];
  const pems = await generate([{ name: 'commonName', value: names[0] ?? '127.0.0.1' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  await Promise.all([writeFile(certFile, pems.cert), writeFile(keyFile, pems.private)]);
  return {
    cert: pems.cert,
    key: pems.private,
    certFile,
    keyFile,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
