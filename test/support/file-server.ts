import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';

/** Runs as a separate program, which needs only Node. */
const PROGRAM = `
const { createServer } = require('node:http');
const bytes = Number(process.argv[1]);
const block = Buffer.from(Array.from({ length: 1 << 20 }, (_, index) => (index * 7919) & 255));
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-length': bytes });
  let sent = 0;
  const go = () => {
    while (sent < bytes) {
      const part = block.subarray(0, Math.min(block.length, bytes - sent));
      sent += part.length;
      if (!response.write(part)) return response.once('drain', go);
    }
    response.end();
  };
  go();
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** Serves a file of any size from another process, so that sending it costs this process nothing. */
export async function startFileServer(
  bytes: number,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, ['-e', PROGRAM, String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    url: `http://127.0.0.1:${port.toString().trim()}/model.bin`,
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
