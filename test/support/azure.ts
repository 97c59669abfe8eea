import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { toolCache } from './go-tool.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { startServer } from './server-process.ts';

/**
 * https://github.com/Azure/Azurite: Microsoft's own emulator. It takes 370 MB, so it is installed when a test needs
 * it.
 */
const AZURITE_VERSION = '3.37.0';
/** The emulator's fixed account and key. Source: learn.microsoft.com/azure/storage/common/storage-connect-azurite */
const ACCOUNT = 'devstoreaccount1';
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface TestAzure {
  readonly account: string;
  readonly key: string;
  /** For AZURE_STORAGE_SERVICE_ENDPOINT. */
  readonly endpoint: string;
  readonly client: BlobServiceClient;
  /** Creates the container if it does not exist. */
  putBlob(
    container: string,
    name: string,
    body: string | Buffer,
    metadata?: Record<string, string>,
  ): Promise<void>;
  stop(): Promise<void>;
}

export async function startAzure(): Promise<TestAzure> {
  const main = await azurite();
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-azure-'));
  const [port = 0] = await freePorts(1);
  const endpoint = `http://127.0.0.1:${port}/${ACCOUNT}`;
  const place = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', root];
  const flags = ['--silent', '--skipApiVersionCheck', '--disableTelemetry'];
  const server = await startServer(process.execPath, [main, ...place, ...flags], {}, async () => {
    return (await fetch(endpoint)).status < 500;
  });
  const client = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(ACCOUNT, KEY));
  return {
    account: ACCOUNT,
    key: KEY,
    endpoint,
    client,
    putBlob: async (container, name, body, metadata = {}) => {
      const place = client.getContainerClient(container);
      await place.createIfNotExists();
      await place.getBlockBlobClient(name).upload(body, Buffer.byteLength(body), { metadata });
    },
    stop: async () => {
      await server.stop();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** The path of the emulator's program, installed if missing. @throws when npm cannot install it */
export async function azurite(): Promise<string> {
  const directory = join(toolCache(), `azurite-${AZURITE_VERSION}`);
  const main = join(directory, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js');
  const installed = await access(main).then(
    () => true,
    () => false,
  );
  if (installed) return main;
  process.stderr.write(
    `installing azurite ${AZURITE_VERSION} with npm, once; it takes about half a minute\n`,
  );
  const args = ['install', '--prefix', directory, '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = spawn('npm', [...args, `azurite@${AZURITE_VERSION}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(npm, 'exit')) as [number | null];
  if (code === 0) return main;
  throw new Error(
    `npm install azurite@${AZURITE_VERSION} failed (${String(code)}). Check the access to an npm registry.`,
  );
}
