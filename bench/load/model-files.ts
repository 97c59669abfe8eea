import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';

/** A web server of model files of any size. */
export interface ModelFiles {
  uri(name: string, bytes: number): string;
  stop(): void;
}

const CHUNK = Buffer.alloc(2 ** 18, 'w');

export async function startModelFiles(): Promise<ModelFiles> {
  const server = createServer((request, response) => {
    const bytes = Number((request.url ?? '').split('/')[1]);
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes });
    Readable.from(chunks(bytes), { objectMode: false }).pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    uri: (name, bytes) => `http://127.0.0.1:${port}/${bytes}/${name}/weights.bin`,
    stop: () => server.close().closeAllConnections(),
  };
}

function* chunks(bytes: number): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, left);
}
