import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A place on 127.0.0.1 to download the demo's models from. */
export interface FileSource {
  /** The storageUri of one file. */
  uriOf(path: string): string;
  stop(): Promise<void>;
}

/** Serves the files below a directory. */
export async function serveFiles(directory: string): Promise<FileSource> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://files').pathname);
    send(join(directory, path), response).catch(() => response.writeHead(404).end('there is no such file\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    uriOf: (path) => `http://127.0.0.1:${port}/${path}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function send(file: string, response: ServerResponse): Promise<void> {
  const { size } = await stat(file);
  response.writeHead(200, { 'Content-Length': size });
  await pipeline(createReadStream(file), response);
}
