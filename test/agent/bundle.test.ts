import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { AGENT, NODE_FLAGS } from '../support/agent.ts';
import type { TestAgent } from '../support/agent.ts';
import { shippedManager } from '../support/shipped-manager.ts';
import { agentScene } from '../support/agent-scene.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { certificateFiles } from '../support/certificate-files.ts';
import { startFaultServer } from '../support/fault-server.ts';
import type { FaultServer } from '../support/fault-server.ts';
import { named as byName, startForwardProxy } from '../support/forward-proxy.ts';
import type { ForwardProxy } from '../support/forward-proxy.ts';
import { configured } from '../support/mounted-config.ts';
import { tar } from '../support/tar-writer.ts';
import { zip } from '../support/zip-writer.ts';

/** Waits until the good models are loaded and the missing ones have failed with NotFound. */
async function settled(agent: TestAgent, good: object, missing: object): Promise<void> {
  const [loaded, failed] = [Object.keys(good), Object.keys(missing)];
  const { models } = await agent.until(
    ({ models: all }) =>
      all.length === loaded.length + failed.length &&
      all.every(({ name, phase }) => phase === (name in good ? 'Loaded' : 'Failed')),
  );
  const reasons = models.map(({ name, reason }) => [name, reason]);
  expect(Object.fromEntries(reasons)).toEqual({
    ...Object.fromEntries(loaded.map((name) => [name, ''])),
    ...Object.fromEntries(failed.map((name) => [name, 'NotFound'])),
  });
}

describe('the bundle', () => {
  let scene: AgentScene;
  let store: FaultServer;
  let proxy: ForwardProxy;
  beforeEach(async () => {
    scene = await agentScene();
    store = await startFaultServer();
    proxy = await startForwardProxy();
  });
  afterEach(async () => {
    await scene.end();
    await store.stop();
    await proxy.stop();
  });

  it.each(['directly', 'by way of a proxy'])(
    'contains what every kind of storageUri needs, %s',
    async (way) => {
      const byProxy = way !== 'directly';
      // Only the proxy can resolve this name. An Azure account has its name in the host.
      const named = (url: string): string => (byProxy ? byName(url, 'account.store.test') : url);
      const url = named(store.url);
      // Only a registry on this machine is reached over http, so it is reached directly.
      const { host } = new URL(store.url);
      const entry = { name: 'weights.txt', body: 'w' };
      const md5 = createHash('md5').update('w').digest('base64');
      const good = {
        tar: named(store.body('model.tar', tar([entry]))),
        zip: named(store.body('model.zip', zip([entry]))),
        checked: named(store.body('weights.txt', 'w', { 'content-md5': md5 })),
      };
      // The store answers 404 to all of these, and each client has to get as far as that answer.
      const missing = {
        s3: 's3://models/none',
        gs: 'gs://models/none',
        azure: 'https://account.blob.core.windows.net/models/none',
        hf: 'hf://org/none',
        oci: `oci://${host}/none:1`,
        pvc: 'pvc://claim/none',
        file: 'file:///nowhere/none',
      };
      const models = Object.entries({ ...good, ...missing });
      await scene.config.writeModels(models.map(([name, uri]) => configured(name, uri)));
      const agent = await scene.start({
        flags: ['--file-root', '/nowhere'],
        env: {
          ...(byProxy ? { HTTP_PROXY: proxy.url } : {}),
          AWS_ENDPOINT_URL: url,
          awsAnonymousCredential: 'true',
          STORAGE_EMULATOR_HOST: url,
          AZURE_STORAGE_SERVICE_ENDPOINT: url,
          AZURE_STORAGE_ACCESS_KEY: Buffer.from('key').toString('base64'),
          HF_ENDPOINT: url,
        },
      });
      await settled(agent, good, missing);
      const ofRegistry = store.requests.filter(({ url: path }) => path?.startsWith('/v2/') === true);
      expect(proxy.asked).toHaveLength(byProxy ? store.requests.length - ofRegistry.length : 0);
    },
  );

  it('connects to sources, token services and the model server over TLS', async () => {
    const certificate = await certificateFiles();
    const secure = await startFaultServer(certificate);
    try {
      const entry = { name: 'weights.txt', body: 'w' };
      const good = {
        small: secure.body('weights.txt', 'w', { 'content-length': '1' }),
        tar: secure.body('model.tar', tar([entry])),
      };
      // The store answers 404. Each client gets that answer only over TLS, and Google's only with a token.
      const missing = { hf: 'hf://org/none', gs: 'gs://models/none', s3: 's3://models/none' };
      const key = {
        type: 'service_account',
        client_email: 'robot@project.test',
        private_key: certificate.key,
        token_uri: secure.serve('token', (_request, response) => {
          const token = { access_token: 't', token_type: 'Bearer', expires_in: 3_600 };
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token));
        }),
      };
      const keyFile = join(dirname(certificate.certFile), 'google.json');
      await writeFile(keyFile, JSON.stringify(key));
      secure.serveAt('/probe', (_request, response) => void response.writeHead(200).end());
      const models = Object.entries({ ...good, ...missing });
      await scene.config.writeModels(models.map(([name, uri]) => configured(name, uri)));
      const { port } = new URL(secure.url);
      const agent = await scene.start({
        env: {
          NODE_EXTRA_CA_CERTS: certificate.certFile,
          GOOGLE_APPLICATION_CREDENTIALS: keyFile,
          STORAGE_EMULATOR_HOST: secure.url,
          HF_ENDPOINT: secure.url,
          AWS_ENDPOINT_URL: secure.url,
          awsAnonymousCredential: 'true',
          SERVING_READINESS_PROBE: JSON.stringify({
            httpGet: { scheme: 'HTTPS', host: '127.0.0.1', port: Number(port), path: '/probe' },
          }),
        },
      });
      await settled(agent, good, missing);
      const asKubelet = { headers: { 'user-agent': 'kube-probe/1.36' } };
      expect((await fetch(`http://127.0.0.1:${agent.port}/probe`, asKubelet)).status).toBe(200);
      expect(secure.requests.some(({ url }) => url === '/probe')).toBe(true);
    } finally {
      await secure.stop();
      await certificate.remove();
    }
  });

  it('loads no proxy code at start', async () => {
    const chunks = join(dirname(AGENT), 'agent-chunks');
    const withTunnel: string[] = [];
    for (const name of (await readdir(chunks)).filter((file) => file.endsWith('.js'))) {
      const text = await readFile(join(chunks, name), 'utf8');
      if (/"CONNECT"|chooseProxy/.test(text)) withTunnel.push(name);
    }
    // The agent has it for the stores that payloads are logged to.
    expect(withTunnel.sort()).toEqual([
      expect.stringMatching(/^agent-proxy-routes-/),
      expect.stringMatching(/^agent-puller-proxy-routes-/),
    ]);
  });

  it('contains a compile cache that Node accepts with the flags of the image', async () => {
    const caches = await compiledIn(join(dirname(AGENT), 'agent-chunks'));
    expect(caches).toHaveLength(2);
    for (const cache of caches) expect([cache, await isTaken(cache, NODE_FLAGS)]).toEqual([cache, true]);
  });

  it('contains a compile cache of the manager that Node accepts with the flags of the Deployment', async () => {
    const caches = await compiledIn(join(dirname(AGENT), 'manager-bundle'));
    const { environment } = await shippedManager();
    expect(caches).toHaveLength(1);
    expect(environment).toHaveProperty('NODE_OPTIONS');
    expect(await isTaken(caches[0] ?? '', [], environment)).toBe(true);
  });

  it.each([
    ['missing', (file: string) => rm(file)],
    ['damaged', (file: string) => writeFile(file, 'not what V8 made')],
    ['of another version of the code', (file: string, other: string) => cp(other, file)],
  ])('starts with a compile cache that is %s', async (_, spoil) => {
    const copy = await mkdtemp(join(tmpdir(), 'kserve-mms-bundle-'));
    try {
      const dist = dirname(AGENT);
      for (const part of ['agent.js', 'agent-puller.js', 'agent-chunks'])
        await cp(join(dist, part), join(copy, part), { recursive: true });
      await writeFile(join(copy, 'package.json'), '{"type":"module"}');
      const chunks = join(copy, 'agent-chunks');
      const [pullerCache = '', ...agentCaches] = await compiledIn(chunks);
      for (const agentCache of agentCaches) await spoil(agentCache, pullerCache);
      const spoiled = await compiledIn(chunks);
      const { stdout } = await promisify(execFile)(process.execPath, [
        ...NODE_FLAGS,
        join(copy, 'agent.js'),
        '--help',
      ]);
      expect(stdout).toContain('--enable-puller');
      // The agent writes nothing beside its code.
      expect(await compiledIn(chunks)).toEqual(spoiled);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });
});

const LOOKS = `
  const { readFileSync } = require('node:fs');
  const { Script } = require('node:vm');
  const [code, cache] = process.argv.slice(1);
  const script = new Script(readFileSync(code, 'latin1'), { cachedData: readFileSync(cache) });
  process.stdout.write(String(!script.cachedDataRejected));`;

/** Whether Node uses that compiled code of a pack. */
async function isTaken(cache: string, flags: readonly string[], environment = {}): Promise<boolean> {
  const pack = cache.replace(`-${process.version}-${process.arch}.cache`, '.js');
  const args = [...flags, '--eval', LOOKS, pack, cache];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, ...environment },
  });
  return stdout === 'true';
}

/** The compile caches of the puller's pack and of the agent's. */
async function compiledIn(chunks: string): Promise<string[]> {
  const names = (await readdir(chunks)).filter((name) => name.endsWith('.cache'));
  return names
    .sort()
    .reverse()
    .map((name) => join(chunks, name));
}
