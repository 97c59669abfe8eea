import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Resolve } from '../../../../src/agent/sources/guarded-connect.ts';
import { certificateFiles } from '../../../support/certificate-files.ts';
import type { CertificateFiles } from '../../../support/certificate-files.ts';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer } from '../../../support/fault-server.ts';
import { forwardProxies, named as byName } from '../../../support/forward-proxy.ts';
import type { ForwardProxy, ForwardProxyOptions } from '../../../support/forward-proxy.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { PullOptions, Pulled } from '../../../support/pulling.ts';

/** The pod's own name servers cannot resolve the hosts behind the proxy. */
const unknown: Resolve = (_, done) =>
  done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), []);
const resolveTo =
  (address: string): Resolve =>
  (_, done) =>
    done(null, [{ address, family: 4 }]);

let certificate: CertificateFiles;
let server: FaultServer;
let secure: FaultServer;
beforeAll(async () => {
  certificate = await certificateFiles('models.test', 'hub.test');
  [server, secure] = await Promise.all([startFaultServer(), startFaultServer(certificate)]);
});
afterAll(() => Promise.all([server.stop(), secure.stop(), certificate.remove()]));

const proxies = forwardProxies();
afterEach(() => proxies.stopAll());

const named = (url: string, name = 'models.test'): string => byName(url, name);

function withLogin({ url }: ForwardProxy): string {
  return url.replace('://', '://robot:s3cr3t%21@');
}

describe('a model through a proxy', () => {
  let proxy: ForwardProxy;
  beforeEach(async () => {
    proxy = await proxies.start();
  });

  /** Uses a separate process, which trusts the certificate from its start. */
  const trusting = (env: Record<string, string>): PullOptions => ({
    forked: true,
    env: { NODE_EXTRA_CA_CERTS: certificate.certFile, ...env },
  });

  it('http:// uses HTTP_PROXY, with its user and password', async () => {
    const url = named(server.body('model.bin', 'weights'));
    const pulled = await pullOnce(url, { env: { HTTP_PROXY: withLogin(proxy) }, resolve: unknown });
    expect(texts(pulled)).toEqual({ 'model.bin': 'weights' });
    expect(proxy.asked).toEqual([`GET ${url}`]);
    expect(proxy.authorization()).toBe(`Basic ${Buffer.from('robot:s3cr3t!').toString('base64')}`);
  });

  it('https:// uses https_proxy, with a tunnel', async () => {
    const url = named(secure.body('model.bin', 'weights'));
    const pulled = await pullOnce(url, trusting({ https_proxy: withLogin(proxy) }));
    expect(texts(pulled)).toEqual({ 'model.bin': 'weights' });
    expect(proxy.asked).toEqual([`CONNECT ${new URL(url).host}`]);
    expect(proxy.authorization()).toBe(`Basic ${Buffer.from('robot:s3cr3t!').toString('base64')}`);
  });

  it('a proxy with TLS', async () => {
    const tls = await proxies.start({ tls: certificate });
    const env = trusting({ HTTP_PROXY: tls.url, HTTPS_PROXY: tls.url });
    for (const { body } of [server, secure]) {
      expect(texts(await pullOnce(named(body('model.bin', 'weights')), env))).toEqual({
        'model.bin': 'weights',
      });
    }
    expect(tls.asked).toHaveLength(2);
  });

  it('checks the certificate of the source', async () => {
    const url = named(secure.body('model.bin', 'weights'), 'other.test');
    const { result } = await pullOnce(url, trusting({ HTTPS_PROXY: proxy.url }));
    expect(result).toMatchObject({ kind: 'failed', reason: 'UntrustedCertificate', retry: 'rarely' });
  });

  it.each([
    ['the list contains the host', { NO_PROXY: '.example,models.test' }],
    ['in lower case', { no_proxy: 'test' }],
    ['everything', { NO_PROXY: '*' }],
    ['only the other scheme has a proxy', { HTTP_PROXY: '' }],
  ])('uses no proxy: %s', async (_, env) => {
    const options = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, ...env };
    const url = named(server.body('model.bin', 'weights'));
    const pulled = await pullOnce(url, { env: options, resolve: resolveTo('127.0.0.1') });
    expect(texts(pulled)).toEqual({ 'model.bin': 'weights' });
    expect(proxy.asked).toEqual([]);
  });

  it('uses no proxy for this machine', async () => {
    const url = server.body('model.bin', 'weights');
    expect(texts(await pullOnce(url, { env: { HTTP_PROXY: proxy.url } }))).toEqual({
      'model.bin': 'weights',
    });
    expect(proxy.asked).toEqual([]);
  });

  it('chooses the proxy for each redirect', async () => {
    const inside = server.body('model.bin', 'weights');
    const url = named(
      server.serve('model.bin', (_, response) => void response.writeHead(302, { location: inside }).end()),
    );
    const pulled = await pullOnce(url, { env: { HTTP_PROXY: proxy.url }, resolve: unknown });
    expect(texts(pulled)).toEqual({ 'model.bin': 'weights' });
    expect(proxy.asked).toEqual([`GET ${url}`]);
  });

  it.each([
    ['http', (): FaultServer => server],
    ['https', (): FaultServer => secure],
  ])('%s: a broken connection is resumed at its offset', async (_, from) => {
    // More than all buffers on the way can hold, so that the puller has received a part of it.
    const whole = Buffer.alloc(32 * 1024 ** 2, 'weights');
    const offsets: number[] = [];
    const url = from().serve('model.bin', ({ headers }, response) => {
      const offset = Number(/\d+/.exec(headers.range ?? '')?.[0] ?? 0);
      const rest = whole.subarray(offset);
      const range = { 'content-range': `bytes ${offset}-${whole.length - 1}/${whole.length}` };
      const head = { etag: '"1"', 'content-length': rest.length };
      offsets.push(offset);
      if (offset === 0) response.writeHead(200, head).write(rest.subarray(0, -1), () => proxy.cutAll());
      else response.writeHead(206, { ...head, ...range }).end(rest);
    });
    const env = trusting({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url });
    const { files } = await pullOnce(named(url), env);
    expect(files.get('model.bin')?.equals(whole)).toBe(true);
    expect(offsets).toEqual([0, expect.any(Number)]);
  });

  it('hf:// also uses the proxy', async () => {
    const commit = 'a'.repeat(40);
    server.serveAt('/api/models/org/repo/revision/main', (_, response) => {
      response.end(JSON.stringify({ sha: commit }));
    });
    // The git blob of "weights".
    const oid = '3ab313fff6f41bb35969cd359e9ddfb8033b3ac2';
    server.serveAt(`/api/models/org/repo/tree/${commit}`, (_, response) => {
      response.end(JSON.stringify([{ type: 'file', path: 'w.bin', size: 7, oid }]));
    });
    server.serveAt(`/org/repo/resolve/${commit}/w.bin`, (_, response) => void response.end('weights'));
    const HF_ENDPOINT = named(server.url, 'hub.test');
    const env = { HTTP_PROXY: proxy.url, HF_ENDPOINT };
    const { result } = await pullOnce('hf://org/repo', { env, resolve: unknown });
    expect(result).toMatchObject({ kind: 'pulled' });
    expect(proxy.asked).toHaveLength(3);
  });
});

/** All spellings of a metadata service. */
const METADATA = [
  'http://169.254.169.254/latest',
  'https://169.254.169.254/latest',
  'http://169.254.169.254./latest',
  'http://169.254.169.254../latest',
  'http://2852039166/latest',
  'http://0xa9fea9fe/latest',
  'http://0xA9.0xFE.0xA9.0xFE/latest',
  'http://0251.0376.0251.0376/latest',
  'http://169.254.43518/latest',
  'http://１６９.２５４.１６９.２５４/latest',
  'http://169%2E254%2E169%2E254/latest',
  'http://[::ffff:169.254.169.254]/latest',
  'http://[::ffff:a9fe:a9fe]/latest',
  'http://[64:ff9b::a9fe:a9fe]/latest',
  'http://[fd00:ec2::254]/latest',
  'http://metadata.google.internal/latest',
  'http://METADATA.google.internal./latest',
];

describe('a metadata service', () => {
  let proxy: ForwardProxy;
  let env: Record<string, string>;
  beforeEach(async () => {
    proxy = await proxies.start();
    env = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
  });
  const refused = { kind: 'failed', reason: 'DestinationRefused', retry: 'rarely' };

  it.each(METADATA)('%s is not requested from a proxy', async (uri) => {
    expect((await pullOnce(uri, { env, resolve: unknown })).result).toMatchObject(refused);
    expect(proxy.asked).toEqual([]);
  });

  it.each(METADATA)('%s after a redirect is rejected', async (location) => {
    const header = location.replace(/[^\x20-\x7e]/g, (character) => encodeURIComponent(character));
    const url = named(
      server.serve('m.bin', (_, response) => void response.writeHead(302, { location: header }).end()),
    );
    expect((await pullOnce(url, { env, resolve: unknown })).result).toMatchObject(refused);
    expect(proxy.asked).toEqual([`GET ${url}`]);
  });

  it.each(['http://alias.test/latest', 'https://alias.test/latest'])(
    '%s is rejected if the pod’s name servers resolve the alias',
    async (uri) => {
      const { result } = await pullOnce(uri, { env, resolve: resolveTo('169.254.169.254') });
      expect(result).toMatchObject(refused);
      expect(proxy.asked).toEqual([]);
    },
  );
});

describe('a proxy that', () => {
  const limits = { connectTimeoutMs: 300 };
  const through = (proxy: string, scheme: string): Promise<Pulled> =>
    pullOnce(`${scheme}://models.test/model.bin`, {
      env: { [`${scheme.toUpperCase()}_PROXY`]: proxy },
      settings: limits,
      resolve: unknown,
    });

  it.each<[string, ForwardProxyOptions, string, string, string]>([
    ['requires a password', { authorization: 'other' }, 'http', 'ProxyRefused', '407'],
    ['requires a password', { authorization: 'other' }, 'https', 'ProxyRefused', '407'],
    ['does not allow the source', { refuseWith: 403 }, 'https', 'ProxyRefused', '403'],
    ['does not reach the source', { refuseWith: 502 }, 'https', 'ProxyRefused', '502'],
    ['does not respond', { silent: true }, 'https', 'ProxyUnavailable', '300 ms'],
  ])('%s (%j): %s://', async (_, options, scheme, reason, detail) => {
    const proxy = await proxies.start(options);
    const { result } = await through(withLogin(proxy), scheme);
    expect(result).toMatchObject({ kind: 'failed', reason, retry: 'soon' });
    const { message } = result as { message: string };
    for (const part of [proxy.host, `${scheme.toUpperCase()}_PROXY`, detail]) expect(message).toContain(part);
    expect(message).not.toMatch(/s3cr3t|robot/);
  });

  it.each(['http', 'https'])('does not exist: %s://', async (scheme) => {
    const { result } = await through('http://robot:s3cr3t@127.0.0.1:1', scheme);
    expect(result).toMatchObject({ kind: 'failed', reason: 'ProxyUnavailable', retry: 'soon' });
    const { message } = result as { message: string };
    expect(message).toContain(`the proxy 127.0.0.1:1 (${scheme.toUpperCase()}_PROXY)`);
    expect(message).not.toMatch(/s3cr3t|robot/);
  });

  it.each(['http', 'https'])('has an untrusted certificate: %s://', async (scheme) => {
    const { url, host } = await proxies.start({ tls: certificate });
    const { result } = await through(url, scheme);
    const message = expect.stringContaining(`the proxy ${host} (${scheme.toUpperCase()}_PROXY)`);
    expect(result).toMatchObject({ kind: 'failed', reason: 'ProxyUnavailable', retry: 'soon', message });
  });

  it.each(['http://[robot:s3cr3t', 'socks5://robot:s3cr3t@proxy:1080'])('is named as %s', async (value) => {
    const { result } = await through(value, 'http');
    const message = expect.stringContaining('HTTP_PROXY');
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceConfiguration', retry: 'rarely', message });
    expect(JSON.stringify(result)).not.toMatch(/s3cr3t|robot/);
  });
});
