import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { NODE_ADDRESS, SERVICE_RANGE } from './addresses.ts';

/** The API server's Service has the first address of the range. */
const SERVICE_ADDRESS = SERVICE_RANGE.replace(/0\/\d+$/, '1');
const ADDRESSES = ['127.0.0.1', NODE_ADDRESS, SERVICE_ADDRESS];
const NAMES = ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'];
/** Source of these numbers: RFC 5280, GeneralName. */
const [DNS, IP] = [2, 7] as const;

/**
 * Writes a serving certificate to the path that kube-apiserver reads before it makes its own. Its own certificate is
 * not valid for 127.0.0.1 when it also listens on other addresses.
 *
 * @param directory of startControlPlane
 */
export async function writeApiServerCertificate(directory: string): Promise<void> {
  const certificates = join(directory, 'certificates');
  await mkdir(certificates, { recursive: true });
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'kube-apiserver' }], {
    keyType: 'ec',
    curve: 'P-256',
    notBeforeDate: new Date(Date.now() - 60 * 60 * 1000),
    notAfterDate: new Date(Date.now() + 24 * 60 * 60 * 1000),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...NAMES.map((value) => ({ type: DNS, value })),
          ...ADDRESSES.map((ip) => ({ type: IP, ip })),
        ],
      },
    ],
  });
  await writeFile(join(certificates, 'apiserver.crt'), cert);
  await writeFile(join(certificates, 'apiserver.key'), key, { mode: 0o600 });
}
