import { Agent, request } from 'node:http';
import { seconds } from '../../lib/clock.ts';
import { readSoundHead } from '../../lib/read-sound-head.ts';
import { READ_ANSWERS } from '../proxy/proxied-answer.decide.ts';

/** Less than the five seconds after which uvicorn closes an idle connection. */
const IDLE = seconds(4);
/** The largest answer to one batch. */
const MOST_ANSWER = 256 * 1024 ** 2;

interface CallAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Calls the component with batches. */
export interface BatchCaller {
  /** @throws the error of the connection, or of the signal */
  call(target: string, instances: readonly unknown[], signal: AbortSignal): Promise<CallAnswer>;
  close(): void;
}

export function createBatchCaller(port: number): BatchCaller {
  const agent = new Agent({ keepAlive: true, timeout: IDLE });
  return {
    close: () => agent.destroy(),
    call: (target, instances, signal) =>
      new Promise((resolve, reject) => {
        const body = JSON.stringify({ instances });
        const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
        const address = { host: '127.0.0.1', port, path: target };
        const made = request({ ...address, method: 'POST', agent, headers, signal, ...READ_ANSWERS });
        made.on('socket', (socket) => readSoundHead(socket, READ_ANSWERS.maxHeaderSize));
        made.on('error', reject);
        // Node reports an answer that switches protocols by this event only.
        made.on('close', () => reject(new Error('its answer is in another protocol than HTTP')));
        made.on('response', (answer) => {
          const chunks: Buffer[] = [];
          let size = 0;
          answer.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            size += chunk.length;
            if (size > MOST_ANSWER) made.destroy(new Error('its answer is longer than 256 MiB'));
          });
          answer.on('error', reject);
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
        });
        made.end(body);
      }),
  };
}
