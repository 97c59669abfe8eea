import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventuallyTrue } from '../support/eventually.ts';
import { pullOnce } from '../support/pulling.ts';
import { startTokenRegistry } from '../support/token-registry.ts';
import type { TokenRegistry } from '../support/token-registry.ts';

const MIB = 1024 ** 2;
const FILES = {
  'a.bin': randomBytes(6 * MIB),
  'b.bin': randomBytes(6 * MIB),
  'sub/c.bin': randomBytes(1_000),
};

describe('a real registry that requires a token for every request', () => {
  let registry: TokenRegistry;
  beforeAll(async () => {
    registry = await startTokenRegistry();
    await registry.putArtifact('models/m1', FILES);
  });
  afterAll(() => registry.stop());
  beforeEach(() => {
    registry.asked.length = 0;
    [registry.tokenSeconds, registry.password] = [600, undefined];
  });

  const expectWhole = ({ result, files }: Awaited<ReturnType<typeof pullOnce>>): void => {
    expect(result).toMatchObject({ kind: 'pulled', files: 3 });
    for (const [name, content] of Object.entries(FILES)) expect(files.get(name)?.equals(content)).toBe(true);
  };

  it('serves a public artifact for an anonymous token', async () => {
    expectWhole(await pullOnce(`oci://127.0.0.1:${registry.port}/models/m1:v1`));
    expect(new Set(registry.asked)).toEqual(new Set([undefined]));
  });

  it('resumes when tokens expire after a second and layers take longer', async () => {
    const slow = await startSlowNetwork(registry, 3);
    registry.tokenSeconds = 1;
    try {
      expectWhole(await pullOnce(`oci://127.0.0.1:${slow.port}/models/m1:v1`));
      expect(slow.breaks()).toBe(3);
      expect(registry.asked.length).toBeGreaterThanOrEqual(3);
      // Resumed where the connection broke, not from the start.
      expect(slow.bytes()).toBeLessThan(16 * MIB);
    } finally {
      slow.stop();
    }
  });

  const auth = Buffer.from('user:s3cr3t').toString('base64');
  const others = Buffer.from('user:another').toString('base64');
  it.each<[string, (host: string) => object, boolean]>([
    ['the host', (host) => ({ [host]: { auth } }), true],
    ['user and password', (host) => ({ [host]: { username: 'user', password: 's3cr3t' } }), true],
    ['a URL', (host) => ({ [`https://${host}`]: { auth } }), true],
    ['a URL with /v1/', (host) => ({ [`https://${host}/v1/`]: { auth } }), true],
    ['an http URL', (host) => ({ [`http://${host}/v2/`]: { auth } }), true],
    ['the host with a slash', (host) => ({ [`${host}/`]: { auth } }), true],
    ['the repository', (host) => ({ [`${host}/models/m1`]: { auth } }), true],
    ['the most specific one', (host) => ({ [host]: { auth: others }, [`${host}/models`]: { auth } }), true],
    ['another repository', (host) => ({ [`${host}/other`]: { auth } }), false],
    ['another port', (host) => ({ [`${host}1`]: { auth } }), false],
    ['the wrong password', (host) => ({ [host]: { auth: others } }), false],
    ['nothing', () => ({}), false],
  ])('uses the credentials that config.json has for %s', async (_, auths, isIn) => {
    registry.password = 's3cr3t';
    const directory = await mkdtemp(join(tmpdir(), 'kserve-mms-docker-'));
    const host = `127.0.0.1:${registry.port}`;
    try {
      await writeFile(join(directory, 'config.json'), JSON.stringify({ auths: auths(host) }));
      const pulled = await pullOnce(`oci://${host}/models/m1:v1`, { env: { DOCKER_CONFIG: directory } });
      if (isIn) expectWhole(pulled);
      else expect(pulled.result).toMatchObject({ kind: 'failed', reason: 'AccessDenied', retry: 'rarely' });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

interface SlowNetwork {
  readonly port: number;
  /** The number of broken connections. */
  breaks(): number;
  /** The number of bytes from the registry. */
  bytes(): number;
  stop(): void;
}

/** Stalls this many connections after 2 MiB until the last token has expired, and then breaks them. */
async function startSlowNetwork(registry: TokenRegistry, times: number): Promise<SlowNetwork> {
  let [begun, breaks, bytes] = [0, 0, 0];
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(registry.port, '127.0.0.1');
    let passed = 0;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    client.pipe(upstream);
    client.on('close', () => upstream.destroy());
    upstream.on('end', () => client.end());
    upstream.on('data', (chunk: Buffer) => {
      [passed, bytes] = [passed + chunk.length, bytes + chunk.length];
      client.write(chunk);
      if (passed < 2 * MIB || begun >= times) return;
      begun += 1;
      upstream.pause();
      void eventuallyTrue('the token has expired', () => Date.now() > registry.lastGoodUntil()).then(() => {
        breaks += 1;
        client.resetAndDestroy();
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    breaks: () => breaks,
    bytes: () => bytes,
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
