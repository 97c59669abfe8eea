import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** An HTTP server with an envtest index and archive, like a mirror in an isolated network. */
export interface EnvtestMirror {
  readonly indexUrl: string;
  /** Requested paths, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** The fault of the mirror. */
export interface MirrorFaults {
  readonly sha512?: string;
  readonly programs?: readonly string[];
  readonly archiveStatus?: number;
}

/** Serves one real tar.gz with shell scripts as programs, as version v1.36.7 for linux/amd64. */
export async function startEnvtestMirror(
  workDirectory: string,
  faults: MirrorFaults = {},
): Promise<EnvtestMirror> {
  const archive = await makeArchive(workDirectory, faults.programs ?? ['etcd', 'kube-apiserver', 'kubectl']);
  const sha512 = faults.sha512 ?? createHash('sha512').update(archive).digest('hex');
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    if (request.url === '/index.yaml') {
      const entry = { hash: sha512, selfLink: `${address}/envtest.tar.gz` };
      response.end(
        JSON.stringify({ releases: { 'v1.36.7': { 'envtest-v1.36.7-linux-amd64.tar.gz': entry } } }),
      );
    } else {
      response.writeHead(faults.archiveStatus ?? 200).end(archive);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    indexUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.yaml`,
    requests,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function makeArchive(workDirectory: string, programs: readonly string[]): Promise<Buffer> {
  const inside = join(workDirectory, 'archive', 'controller-tools', 'envtest');
  await mkdir(inside, { recursive: true });
  for (const name of programs) await writeProgram(inside, name, `echo mirrored ${name}`);
  const file = join(workDirectory, 'envtest.tar.gz');
  await promisify(execFile)('tar', ['-czf', file, '-C', join(workDirectory, 'archive'), 'controller-tools']);
  return readFile(file);
}

/** Writes an executable shell script. */
export async function writeProgram(directory: string, name: string, script: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(directory, name), 0o755);
}
