import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { goTool } from './go-tool.ts';
import { startServer } from './server-process.ts';

/** https://github.com/distribution/distribution: the registry behind Docker Hub, GitLab, Harbor and others. */
export const DISTRIBUTION = {
  name: 'registry',
  package: 'github.com/distribution/distribution/v3/cmd/registry',
  version: 'v3.0.0',
};
/** The leeway for an expired token: registry/auth/token/token.go. */
const LEEWAY_SECONDS = 60;
const ISSUER = 'test-issuer';
const SERVICE = 'test-registry';

/** A registry that requires a token for every request, and the token service. */
export interface TokenRegistry {
  readonly port: number;
  /** The lifetime of a token in seconds. It may be changed at any time. */
  tokenSeconds: number;
  /** The Authorization header of each token request. */
  readonly asked: (string | undefined)[];
  /** The expiry of the last token. */
  lastGoodUntil(): number;
  /** The password for a token; undefined: none is required. */
  password: string | undefined;
  putArtifact(repository: string, files: Readonly<Record<string, Buffer>>): Promise<void>;
  stop(): Promise<void>;
}

export async function startTokenRegistry(): Promise<TokenRegistry> {
  const binary = await goTool(DISTRIBUTION);
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-distribution-'));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'ES256' };
  const jwks = join(root, 'jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [jwk] }));
  let goodUntil = 0;

  const tokenFor = (scope: string, seconds: number): string => {
    const [type = '', name = '', actions = ''] = scope.split(':');
    const now = Math.floor(Date.now() / 1000);
    const exp = now + seconds - LEEWAY_SECONDS;
    const claims = {
      ...{ iss: ISSUER, sub: '', aud: [SERVICE], exp, nbf: now - 600, iat: now - 600, jti: randomUUID() },
      access: [{ type, name, actions: actions.split(',') }],
    };
    const text = [{ typ: 'JWT', alg: 'ES256', kid: 'k1' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };

  const tokens = createServer(({ url = '', headers }, response) => {
    registry.asked.push(headers.authorization);
    const basic = `Basic ${Buffer.from(`user:${registry.password ?? ''}`).toString('base64')}`;
    if (registry.password !== undefined && headers.authorization !== basic) {
      response.writeHead(401).end();
      return;
    }
    const scope = new URL(url, 'http://tokens').searchParams.get('scope') ?? '';
    goodUntil = (Math.floor(Date.now() / 1000) + registry.tokenSeconds + 1) * 1000;
    response.end(JSON.stringify({ token: tokenFor(scope, registry.tokenSeconds) }));
  }).listen(0, '127.0.0.1');
  await once(tokens, 'listening');
  const [port = 0] = await freePorts(1);
  const realm = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
  const config = join(root, 'config.json');
  // JSON is valid YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(root, 'data') } },
      http: { addr: `127.0.0.1:${port}`, relativeurls: true },
      auth: { token: { realm, service: SERVICE, issuer: ISSUER, jwks, signingalgorithms: ['ES256'] } },
    }),
  );
  const server = await startServer(binary, ['serve', config], { OTEL_TRACES_EXPORTER: 'none' }, async () => {
    return (await fetch(`http://127.0.0.1:${port}/v2/`)).status === 401;
  });

  const push = async (repository: string, path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${tokenFor(`repository:${repository}:pull,push`, 600)}`);
    const url = new URL(path, `http://127.0.0.1:${port}/v2/${repository}/`);
    const answer = await fetch(url, { ...init, headers });
    if (!answer.ok) throw new Error(`${url.href}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  const putBlob = async (repository: string, content: Buffer): Promise<{ digest: string; size: number }> => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    const begun = await push(repository, 'blobs/uploads/', { method: 'POST' });
    const upload = new URL(begun.headers.get('location') ?? '', begun.url);
    upload.searchParams.set('digest', digest);
    await push(repository, upload.href, {
      method: 'PUT',
      body: new Uint8Array(content),
      headers: { 'content-type': 'application/octet-stream' },
    });
    return { digest, size: content.length };
  };

  const registry: TokenRegistry = {
    port,
    tokenSeconds: 600,
    asked: [],
    password: undefined,
    lastGoodUntil: () => goodUntil,
    putArtifact: async (repository, files) => {
      const layers = [];
      for (const [title, content] of Object.entries(files)) {
        const annotations = { 'org.opencontainers.image.title': title };
        layers.push({
          mediaType: 'application/octet-stream',
          ...(await putBlob(repository, content)),
          annotations,
        });
      }
      const config = {
        mediaType: 'application/vnd.oci.empty.v1+json',
        ...(await putBlob(repository, Buffer.from('{}'))),
      };
      const mediaType = 'application/vnd.oci.image.manifest.v1+json';
      const body = JSON.stringify({
        schemaVersion: 2,
        mediaType,
        artifactType: 'application/x-model',
        config,
        layers,
      });
      await push(repository, 'manifests/v1', { method: 'PUT', body, headers: { 'content-type': mediaType } });
    },
    stop: async () => {
      await server.stop();
      tokens.close();
      tokens.closeAllConnections();
      await rm(root, { recursive: true, force: true });
    },
  };
  return registry;
}
