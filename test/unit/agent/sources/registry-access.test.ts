import { describe, expect, it } from '@jest/globals';
import { readChallenges } from '../../../../src/agent/sources/auth-challenges.ts';
import { credentialsFor } from '../../../../src/agent/sources/docker-config.ts';

describe('the challenges of WWW-Authenticate', () => {
  it.each([
    ['Basic realm="r"', ['basic realm=r']],
    [
      'Bearer realm="https://t/x",service="s",scope="repository:a:pull,push"',
      ['bearer realm=https://t/x service=s scope=repository:a:pull,push'],
    ],
    ['Bearer realm="https://t", Basic realm="r"', ['bearer realm=https://t', 'basic realm=r']],
    [
      'Basic realm="r", Bearer realm="https://t",service=s',
      ['basic realm=r', 'bearer realm=https://t service=s'],
    ],
    ['Negotiate, BEARER Realm = "a\\"b"', ['negotiate', 'bearer realm=a"b']],
    ['Negotiate YWJj==, Basic realm=r', ['negotiate', 'basic realm=r']],
    ['Bearer realm=https://t/x?a=b,service=s', ['bearer realm=https://t/x?a=b service=s']],
    [
      'BEARER  realm="https://t" ,  scope="repository:a:pull repository:b:pull,push" , error="insufficient_scope"',
      ['bearer realm=https://t scope=repository:a:pull repository:b:pull,push error=insufficient_scope'],
    ],
    ['', []],
    ['=,="', []],
  ])('%s', (header, expected) => {
    const shown = readChallenges(header).map(({ scheme, parameters }) =>
      [scheme, ...[...parameters].map(([name, value]) => `${name}=${value}`)].join(' '),
    );
    expect(shown).toEqual(expected);
  });
});

describe('the credentials in config.json', () => {
  const base64 = (pair: string): string => Buffer.from(pair).toString('base64');
  const auth = (user: string): object => ({ auth: base64(`${user}:p`) });
  it.each<[string, string, string, Record<string, object>, string | undefined]>([
    ['the host', 'r.io', 'a/b', { 'r.io': auth('u') }, 'u'],
    ['a URL', 'r.io', 'a/b', { 'https://r.io/v1/': auth('u') }, 'u'],
    ['http and /v2', 'r.io', 'a/b', { 'http://r.io/v2': auth('u') }, 'u'],
    ['a port', 'r.io:5000', 'a/b', { 'r.io:5000': auth('u') }, 'u'],
    ['another port', 'r.io:5000', 'a/b', { 'r.io': auth('u') }, undefined],
    ['Docker Hub', 'docker.io', 'a/b', { 'https://index.docker.io/v1/': auth('u') }, 'u'],
    ['Docker Hub by its other name', 'index.docker.io', 'a/b', { 'docker.io': auth('u') }, 'u'],
    [
      'the longest path',
      'r.io',
      'a/b/c',
      { 'r.io': auth('x'), 'r.io/a/b': auth('u'), 'r.io/a': auth('y') },
      'u',
    ],
    ['not a part of a name in a path', 'r.io', 'ab/c', { 'r.io/a': auth('x') }, undefined],
    ['a wildcard', 'eu.r.io', 'a', { '*.r.io': auth('u') }, 'u'],
    ['a wildcard for one label only', 'a.b.r.io', 'a', { '*.r.io': auth('u') }, undefined],
    ['a name before a wildcard', 'eu.r.io', 'a', { '*.r.io': auth('x'), 'eu.r.io': auth('u') }, 'u'],
    ['user and password', 'r.io', 'a', { 'r.io': { username: 'u', password: 'p' } }, 'u'],
    ['auth before user', 'r.io', 'a', { 'r.io': { ...auth('u'), username: 'x', password: 'p' } }, 'u'],
    ['an empty entry beside another one', 'r.io', 'a', { 'r.io': {}, 'https://r.io': auth('u') }, 'u'],
    ['a longer host', 'r.io', 'a', { 'r.io.evil.example': auth('x'), 'evil-r.io': auth('x') }, undefined],
  ])('%s', (_, registry, repository, auths, user) => {
    const basic = user === undefined ? undefined : base64(`${user}:p`);
    const found = credentialsFor({ auths }, registry, repository);
    expect(found.kind === 'found' ? found.credentials.basic : undefined).toBe(basic);
  });

  it('uses a registry token unchanged', () => {
    const config = { auths: { 'r.io': { registrytoken: 't' } } };
    expect(credentialsFor(config, 'r.io', 'a')).toEqual({
      kind: 'found',
      credentials: { registryToken: 't' },
    });
  });

  it.each([['invalid base64', { auths: { 'r.io': { auth: 'AAAA' } } }, 'base64']])(
    'rejects %s',
    (_, config, text) => {
      expect(() => credentialsFor(config, 'r.io', 'a')).toThrow(text);
    },
  );

  it.each([
    ['a helper', { credHelpers: { 'r.io': 'ecr-login' } }, 'helper'],
    ['a helper of another registry', { credHelpers: { 'other.io': 'ecr-login' } }, 'none'],
    ['a store', { auths: { 'r.io': {} }, credsStore: 'desktop' }, 'helper'],
  ])('cannot use %s in a pod', (_, config, kind) => {
    expect(credentialsFor(config, 'r.io', 'a')).toEqual({ kind });
  });

  it.each([null, 1, [], { auths: null }, { auths: [1] }, { auths: { 'r.io': null } }])(
    'finds none in %j',
    (config) => {
      expect(credentialsFor(config, 'r.io', 'a')).toEqual({ kind: 'none' });
    },
  );
});
