import { goTool } from './go-tool.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { startServer } from './server-process.ts';

/** https://github.com/fsouza/fake-gcs-server: GCS's JSON API, kept in memory. */
export const FAKE_GCS_SERVER = {
  name: 'fake-gcs-server',
  package: 'github.com/fsouza/fake-gcs-server',
  version: 'v1.56.1',
};

export interface TestGcs {
  /** For STORAGE_EMULATOR_HOST. */
  readonly endpoint: string;
  /** Creates the bucket if it does not exist. */
  putObject(
    bucket: string,
    name: string,
    body: Uint8Array<ArrayBuffer>,
    contentEncoding?: string,
  ): Promise<void>;
  stop(): Promise<void>;
}

export async function startGcs(): Promise<TestGcs> {
  const binary = await goTool(FAKE_GCS_SERVER);
  const [port = 0] = await freePorts(1);
  const endpoint = `http://127.0.0.1:${port}`;
  const place = [
    '-scheme',
    'http',
    '-host',
    '127.0.0.1',
    '-port',
    String(port),
    '-public-host',
    `127.0.0.1:${port}`,
  ];
  // On disk it cannot store an object whose name ends in `/`.
  const backend = ['-backend', 'memory', '-log-level', 'error'];
  const server = await startServer(binary, [...place, ...backend], {}, async () => {
    return (await fetch(`${endpoint}/storage/v1/b?project=test`)).ok;
  });
  const buckets = new Set<string>();
  const post = async (path: string, body: Uint8Array<ArrayBuffer> | string, type: string): Promise<void> => {
    const options = { method: 'POST', body, headers: { 'content-type': type } };
    const answer = await fetch(`${endpoint}${path}`, options);
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  };
  return {
    endpoint,
    putObject: async (bucket, name, body, contentEncoding) => {
      if (!buckets.has(bucket)) {
        await post('/storage/v1/b?project=test', JSON.stringify({ name: bucket }), 'application/json');
      }
      buckets.add(bucket);
      const encoding = contentEncoding === undefined ? '' : `&contentEncoding=${contentEncoding}`;
      const query = `uploadType=media&name=${encodeURIComponent(name)}${encoding}`;
      await post(`/upload/storage/v1/b/${bucket}/o?${query}`, body, 'application/octet-stream');
    },
    stop: () => server.stop(),
  };
}
