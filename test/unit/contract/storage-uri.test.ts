import { describe, expect, it } from '@jest/globals';
import { parseAzureUri } from '../../../src/agent/sources/azure-uri.ts';
import { parseHuggingFaceUri } from '../../../src/agent/sources/hf.ts';
import { parseOciUri } from '../../../src/agent/sources/oci-uri.ts';
import { bucketAndPrefix } from '../../../src/agent/sources/prefix.ts';
import { protocolOf } from '../../../src/agent/sources/sources.ts';
import { STORAGE_SCHEMES, storageUriFault } from '../../../src/contract/storage-uri.ts';

const FINE = [
  's3://bucket/m1',
  's3://bucket',
  'S3://bucket/m1',
  's3://bucket/odd-key@2/größe%20',
  'gs://bucket/m1/',
  'abfs://models@account.dfs.core.windows.net/m1',
  'abfss://models@account.blob.core.usgovcloudapi.net/m1?sv=1&sig=x',
  'http://models.example:8080/m1.zip',
  'https://models.example/m1.tar.gz?signature=x',
  'https://account.blob.core.windows.net/models/m1?sv=1&sig=x',
  'hf://org/repo',
  'hf://org/repo:main',
  'oci://registry.example/models/m1:v1',
  'oci://registry.example:5000/m1',
  `oci://localhost/m1@sha256:${'a'.repeat(64)}`,
  'pvc://claim/m1',
  'pvc://claim',
  'file:///mnt/models/m1',
];

const FAULTY = [
  ['', 'must start with one of the prefixes: s3://, gs://'],
  ['bucket/m1', 'must start with one of the prefixes'],
  ['ftp://host/m1', 'must start with one of the prefixes'],
  ['constructor://x', 'must start with one of the prefixes'],
  ['s3:/bucket/m1', 'must start with one of the prefixes'],
  ['s3://', 'expected s3://<bucket>/<path>'],
  ['s3:///m1', 'expected s3://<bucket>/<path>'],
  ['gs://b$cket/m1', 'expected gs://<bucket>/<path>'],
  ['abfss://account.dfs.core.windows.net/m1', 'expected abfss://<container>@'],
  ['abfss://models@elsewhere.example/m1', 'expected abfss://<container>@'],
  ['https://', 'expected https://<host>/<path>'],
  ['https:///m1', 'expected https://<host>/<path>'],
  ['http://host:99999/m1', 'expected http://<host>/<path>'],
  ['hf://repo', 'expected hf://<organisation>/<repository>'],
  ['hf://../repo', 'expected hf://<organisation>/<repository>'],
  ['oci://repository', 'expected oci://<registry>/<repository>'],
  ['oci://registry.example/UPPER CASE', 'a space'],
  ['pvc:///m1', 'expected pvc://<claim>/<path>'],
  ['file://host/m1', 'expected file:///<absolute path>'],
  ['s3://bucket/two words', 'a space or a control character'],
  ['s3://bucket/line\nbreak', 'a space or a control character'],
  ['https://user:pass@host/m1', 'a user or password'],
  ['https://token@host/m1', 'a user or password'],
  ['s3://AKIA:secret@bucket/m1', 'a user or password'],
  ['abfss://models:secret@account.dfs.core.windows.net/m1', 'a user or password'],
  [`s3://bucket/${'x'.repeat(5000)}`, 'at most 4096'],
] as const;

/** Parses the URI as the agent does. Throws when the agent rejects it. */
function readByAgent(uri: string): void {
  switch (protocolOf(uri)) {
    case 's3':
    case 'gs':
      if (bucketAndPrefix(uri) === undefined) throw new Error('no bucket');
      return;
    case 'azure':
      parseAzureUri(uri, {});
      return;
    case 'hf':
      parseHuggingFaceUri(uri);
      return;
    case 'oci':
      parseOciUri(uri);
      return;
    case 'http':
      new URL(uri);
      return;
    case 'file':
  }
}

describe('a storageUri', () => {
  it.each(FINE)('%s is accepted, and the agent parses it', (uri) => {
    expect(storageUriFault(uri)).toBeUndefined();
    expect(() => readByAgent(uri)).not.toThrow();
  });

  it.each(FAULTY)('%s is rejected', (uri, why) => {
    expect(storageUriFault(uri)).toContain(why);
  });

  it.each(FAULTY.map(([uri]) => uri).filter((uri) => fails(() => readByAgent(uri))))(
    '%s is rejected by the agent, and so here',
    (uri) => {
      expect(storageUriFault(uri)).toBeDefined();
    },
  );

  it('accepts exactly the schemes that the agent supports', () => {
    for (const scheme of STORAGE_SCHEMES) expect(() => protocolOf(`${scheme}://x`)).not.toThrow();
    const listed = messageOfFailure(() => protocolOf('ftp://x'));
    for (const [, scheme = ''] of listed.split('Supported:')[1]!.matchAll(/([a-z0-9]+):\/\//g)) {
      expect(STORAGE_SCHEMES).toContain(scheme);
    }
  });

  it.each([
    'https://user:hunter2@',
    'ftp://user:hunter2@host/x',
    'ftp://hunter2@host/x',
    'user:hunter2@host',
    's3://?sig=hunter2',
    'x://a?hunter2',
  ])('%s: the message shows no secret', (uri) => {
    expect(storageUriFault(uri)).not.toContain('hunter2');
  });
});

function fails(work: () => void): boolean {
  return messageOfFailure(work) !== '';
}

function messageOfFailure(work: () => unknown): string {
  try {
    work();
    return '';
  } catch (thrown) {
    return (thrown as Error).message;
  }
}
