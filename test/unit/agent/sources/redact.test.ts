import { describe, expect, it } from '@jest/globals';
import { scrub, secretValues, shownUri } from '../../../../src/agent/sources/redact.ts';

describe('a storageUri for display', () => {
  it.each([
    ['s3://bucket/m1', 's3://bucket/m1'],
    ['https://user:pass@host/m1?sig=abc#x', 'https://host/m1'],
    ['https://user@host/m1', 'https://host/m1'],
    ['https://a@b@host/m1', 'https://host/m1'],
    [
      'abfss://container@account.dfs.core.windows.net/m1',
      'abfss://container@account.dfs.core.windows.net/m1',
    ],
    ['abfss://user:pass@account.dfs.core.windows.net/m1', 'abfss://account.dfs.core.windows.net/m1'],
    ['s3://bucket/a@b', 's3://bucket/a@b'],
    ['https://host/a\nforged: line', 'https://host/a\ufffdforged: line'],
    ['?only=query', ''],
  ])('%j: %j', (uri, shown) => {
    expect(shownUri(uri)).toBe(shown);
  });

  it('is shortened when it is very long', () => {
    expect(shownUri(`s3://bucket/${'x'.repeat(5000)}`).length).toBeLessThan(310);
  });
});

describe('the final redaction of a message', () => {
  const env = {
    AWS_SECRET_ACCESS_KEY: 'aws-secret-value',
    AWS_SESSION_TOKEN: 'session-token-value',
    HF_TOKEN: 'hf_token_value',
    AZURE_CLIENT_SECRET: 'azure-secret-value',
    AZURE_STORAGE_ACCESS_KEY: 'azure-key-value',
    'host.example-headers': '{"Authorization":"Bearer header-value","X":"1"}',
    https_proxy: 'http://me:proxy-password@proxy:3128',
    HTTP_PROXY: 'me:other-password@proxy:3128',
    AWS_REGION: 'eu-west-1',
    SHORT_SECRET: 'abc',
  };
  const secrets = secretValues(env);

  it.each([
    ['aws-secret-value', '[secret]'],
    ['session-token-value', '[secret]'],
    ['hf_token_value', '[secret]'],
    ['azure-secret-value', '[secret]'],
    ['azure-key-value', '[secret]'],
    ['Bearer header-value', '[secret]'],
    ['proxy-password and me:other-password', '[secret] and [secret]'],
    ['https://host/path?X-Amz-Signature=abc and more', 'https://host/path and more'],
    ['https://user:pass@host/path', 'https://host/path'],
    ['eu-west-1 abc 1', 'eu-west-1 abc 1'],
  ])('%s: %s', (text, expected) => {
    expect(scrub(`before ${text}`, secrets)).toBe(`before ${expected}`);
  });
});
