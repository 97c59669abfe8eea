/**
 * The process of an instant model server: it knows which models are loaded, and gives each inference the same answer.
 * Its first received message is the port and the duration of a load; loads run one after another. It reports each load
 * with its time, in monotonic milliseconds.
 */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './monotonic.ts';
import { serveMessages } from './serve-messages.ts';

const LOAD = /^POST \/v2\/repository\/models\/([^/]+)\/(load|unload) /;
const READY = /^GET \/v2\/models\/([^/]+)\/ready /;
const INFER = /^POST \/v2\/models\/([^/]+)\/infer /;
const INDEX = /^POST \/v2\/repository\/index /;

const loaded = new Set<string>();
const OK = answer(200, '{}');
const NOT_FOUND = answer(404, '{"error":"model not found"}');
const INFERENCE = answer(
  200,
  JSON.stringify({ outputs: [{ name: 'predict', shape: [1], datatype: 'INT64', data: [1] }] }),
);

let loadMs = 0;
let turn = Promise.resolve();

process.on('message', (message: { readonly port: number; readonly loadMs: number } | 'forget') => {
  if (message === 'forget') loaded.clear();
  else {
    loadMs = message.loadMs;
    createServer((socket) => serveMessages(socket, answerTo)).listen(message.port, '127.0.0.1', () => {
      process.send?.('listening');
    });
  }
});
process.on('disconnect', () => process.exit(0));

function answerTo(line: string): Buffer | Promise<Buffer> {
  const [, inferred] = INFER.exec(line) ?? [];
  if (inferred !== undefined) return loaded.has(inferred) ? INFERENCE : NOT_FOUND;
  const [, name = '', verb] = LOAD.exec(line) ?? [];
  if (verb === 'load' && loadMs > 0) {
    turn = turn.then(() => sleep(loadMs)).then(() => load(name));
    return turn.then(() => OK);
  }
  if (verb === 'load') load(name);
  else if (verb === 'unload') loaded.delete(name);
  const [, asked] = READY.exec(line) ?? [];
  if (asked !== undefined) return loaded.has(asked) ? OK : NOT_FOUND;
  if (!INDEX.test(line)) return OK;
  return answer(200, JSON.stringify([...loaded].map((model) => ({ name: model, state: 'READY' }))));
}

function load(name: string): void {
  loaded.add(name);
  process.send?.({ name, at: monotonicMs() });
}

function answer(status: number, body: string): Buffer {
  const head = `HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Not Found'}\r\ncontent-type: application/json\r\n`;
  return Buffer.from(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
