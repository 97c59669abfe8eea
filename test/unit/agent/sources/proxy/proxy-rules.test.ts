import { describe, expect, it } from '@jest/globals';
import { chooseProxy, readProxyRules } from '../../../../../src/agent/sources/proxy/proxy-rules.decide.ts';
import { namesProxy } from '../../../../../src/agent/sources/proxy/proxy-variables.decide.ts';
import type { ProxyEnvironment } from '../../../../../src/agent/sources/proxy/proxy-variables.decide.ts';

/** The variable of the proxy for a URL, or `direct`. */
function way(env: ProxyEnvironment, url: string): string {
  const choice = chooseProxy(readProxyRules(env), new URL(url));
  return choice.kind === 'proxy' ? choice.proxy.variable : choice.kind;
}

const BOTH = { HTTP_PROXY: 'http://p:1', HTTPS_PROXY: 'http://s:2' };

/** Each expected value is the result of golang.org/x/net/http/httpproxy v0.61.0. */
describe('NO_PROXY', () => {
  it.each([
    ['', 'http://models.example.com/m', 'HTTP_PROXY'],
    ['', 'https://models.example.com/m', 'HTTPS_PROXY'],
    ['', 'http://localhost/m', 'direct'],
    ['', 'http://localhost:8080/m', 'direct'],
    ['', 'https://127.0.0.1/m', 'direct'],
    ['', 'http://127.8.9.1/m', 'direct'],
    ['', 'http://[::1]/m', 'direct'],
    ['', 'http://[::ffff:7f00:1]/m', 'direct'],
    ['', 'http://169.254.1.1/m', 'HTTP_PROXY'],
    ['*', 'http://models.example.com/m', 'direct'],
    ['a.test,*', 'http://models.example.com/m', 'direct'],
    ['models.example.com', 'http://models.example.com/m', 'direct'],
    ['example.com', 'http://models.example.com/m', 'direct'],
    ['EXAMPLE.com', 'http://models.example.com/m', 'direct'],
    ['ample.com', 'http://models.example.com/m', 'HTTP_PROXY'],
    ['.example.com', 'http://models.example.com/m', 'direct'],
    ['.example.com', 'http://example.com/m', 'HTTP_PROXY'],
    ['*.example.com', 'http://models.example.com/m', 'direct'],
    ['*.example.com', 'http://example.com/m', 'HTTP_PROXY'],
    ['example.com', 'http://example.com/m', 'direct'],
    ['com', 'http://example.com/m', 'direct'],
    ['example.com.', 'http://example.com/m', 'HTTP_PROXY'],
    [' a.test , example.com ', 'http://example.com/m', 'direct'],
    ['a.test,,example.com', 'http://example.com/m', 'direct'],
    ['a.test b.test', 'http://b.test/m', 'HTTP_PROXY'],
    ['bücher.test', 'http://xn--bcher-kva.test/m', 'direct'],
    ['example.com:80', 'http://example.com/m', 'direct'],
    ['example.com:443', 'https://example.com/m', 'direct'],
    ['example.com:443', 'http://example.com/m', 'HTTP_PROXY'],
    ['example.com:8080', 'http://models.example.com:8080/m', 'direct'],
    ['.example.com:8080', 'http://models.example.com:8080/m', 'direct'],
    ['*.example.com:81', 'http://models.example.com:8080/m', 'HTTP_PROXY'],
    [':80', 'http://example.com/m', 'HTTP_PROXY'],
    ['10.0.0.1', 'http://10.0.0.1/m', 'direct'],
    ['10.0.0.1', 'http://10.0.0.2/m', 'HTTP_PROXY'],
    ['10.0.0.1', 'http://[::ffff:a00:1]/m', 'direct'],
    ['10.0.0.1:9000', 'http://10.0.0.1:9000/m', 'direct'],
    ['10.0.0.1:9000', 'http://10.0.0.1/m', 'HTTP_PROXY'],
    ['10.0.0.0/8', 'http://10.1.2.3/m', 'direct'],
    ['10.0.0.0/8', 'http://11.1.2.3/m', 'HTTP_PROXY'],
    ['10.0.0.0/8', 'http://[::ffff:a01:203]/m', 'direct'],
    ['10.0.0.0/8', 'http://ten.example.com/m', 'HTTP_PROXY'],
    ['fd00::/8', 'http://[fd00::7]/m', 'direct'],
    ['fd00::7', 'http://[fd00::7]/m', 'direct'],
    ['fd00::7', 'http://[fd00::8]/m', 'HTTP_PROXY'],
    ['[fd00::7]:9000', 'http://[fd00::7]:9000/m', 'direct'],
    ['[fd00::7]:9000', 'http://[fd00::7]/m', 'HTTP_PROXY'],
  ])('%j: %s uses %s', (list, url, expected) => {
    expect(way({ ...BOTH, NO_PROXY: list }, url)).toBe(expected);
  });
});

describe('the variable that applies', () => {
  it.each<[string, ProxyEnvironment, string]>([
    ['none', {}, 'direct'],
    ['the other scheme', { HTTPS_PROXY: 'http://s:2' }, 'direct'],
    ['in lower case', { http_proxy: 'http://p:1' }, 'http_proxy'],
    ['in both', { http_proxy: 'http://q:1', HTTP_PROXY: 'http://p:1' }, 'HTTP_PROXY'],
    ['empty in upper case', { http_proxy: 'http://q:1', HTTP_PROXY: '' }, 'http_proxy'],
    ['no_proxy in lower case', { HTTP_PROXY: 'http://p:1', no_proxy: 'a.test' }, 'direct'],
    [
      'no_proxy beside NO_PROXY',
      { HTTP_PROXY: 'http://p:1', NO_PROXY: 'b', no_proxy: 'a.test' },
      'HTTP_PROXY',
    ],
    ['ALL_PROXY, which Go ignores', { ALL_PROXY: 'http://p:1' }, 'direct'],
  ])('%s', (_, env, expected) => {
    expect(way(env, 'http://a.test/m')).toBe(expected);
  });

  it.each<[ProxyEnvironment, boolean]>([
    [{}, false],
    [{ HTTP_PROXY: '', https_proxy: '' }, false],
    [{ NO_PROXY: '*' }, false],
    [{ https_proxy: 'http://s:2' }, true],
  ])('whether %j names a proxy: %s', (env, expected) => {
    expect(namesProxy(env)).toBe(expected);
  });
});

describe('the value of a variable', () => {
  it.each([
    ['http://proxy:3128', 'http://proxy:3128/', undefined],
    ['https://proxy', 'https://proxy/', undefined],
    ['proxy:3128', 'http://proxy:3128/', undefined],
    ['proxy', 'http://proxy/', undefined],
    ['[fd00::1]:3128', 'http://[fd00::1]:3128/', undefined],
    ['http://me:p%40ss@proxy:3128', 'http://me:p%40ss@proxy:3128/', 'me:p@ss'],
    ['me:pass@proxy:3128', 'http://me:pass@proxy:3128/', 'me:pass'],
  ])('%s', (value, href, credentials) => {
    const choice = chooseProxy(readProxyRules({ HTTP_PROXY: value }), new URL('http://a.test'));
    expect(choice).toMatchObject({ kind: 'proxy', proxy: { url: { href }, credentials } });
  });

  it.each([
    'http://[bad',
    'http://',
    '://',
    'http://user:s3cr3t@',
    'http://proxy:port',
    'http://me:s3cr3t%@proxy',
    'socks5://me:s3cr3t@proxy',
  ])('rejects %s without printing it', (value) => {
    const choice = chooseProxy(readProxyRules({ HTTP_PROXY: value }), new URL('http://a.test'));
    expect(choice).toMatchObject({ kind: 'unusable', variable: 'HTTP_PROXY' });
    expect(JSON.stringify(choice)).not.toContain('s3cr3t');
  });

  it('an invalid value has no effect where it does not apply', () => {
    const env = { HTTP_PROXY: '://', HTTPS_PROXY: 'http://s:2', NO_PROXY: 'inside.test' };
    expect(way(env, 'https://a.test')).toBe('HTTPS_PROXY');
    expect(way(env, 'http://inside.test')).toBe('direct');
  });
});
