import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFaultServer } from '../support/fault-server.ts';
import type { FaultServer } from '../support/fault-server.ts';
import { pullOnce, texts } from '../support/pulling.ts';
import type { Pulled } from '../support/pulling.ts';

/** Sends answers that other stores send and versitygw cannot. */
let server: FaultServer;

beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

function pull(bucket: string, path: string): Promise<Pulled> {
  const env = {
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_ENDPOINT_URL: server.url,
    AWS_REGION: 'us-east-1',
  };
  return pullOnce(`s3://${bucket}${path}`, { env, forked: true, settings: { attemptsPerFile: 1 } });
}

function page(keys: readonly string[], more = ''): string {
  const contents = keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('');
  const count = `<KeyCount>${keys.length}</KeyCount>`;
  return `<?xml version="1.0"?><ListBucketResult>${count}${contents}${more}</ListBucketResult>`;
}

/** A bucket with the given keys; `more` is added to each page. Every object contains `x`. */
function bucketOf(
  name: string,
  keys: readonly string[],
  more: (token: string | null) => string = () => '',
): void {
  for (const path of [`/${name}`, `/${name}/`]) {
    server.serveAt(path, (request, response) => {
      const query = new URL(request.url ?? '/', server.url).searchParams;
      const prefix = query.get('prefix') ?? '';
      const listed = keys.filter((key) => key.startsWith(prefix));
      response.end(page(listed, more(query.get('continuation-token'))));
    });
  }
  for (const key of keys) {
    server.serveAt(
      `/${name}/${key}`,
      (_, response) => void response.setHeader('etag', '"' + 'a'.repeat(32) + '"').end('x'),
    );
  }
}

function refusing(name: string, status: number, body: string): void {
  for (const path of [`/${name}`, `/${name}/`]) {
    server.serveAt(path, (_, response) => void response.writeHead(status).end(`<Error>${body}</Error>`));
  }
}

describe('a listing that may be incomplete', () => {
  it.each<[string, (token: string | null) => string]>([
    ['more follows, and no token', () => '<IsTruncated>true</IsTruncated>'],
    [
      'the same token again',
      () => '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>',
    ],
    [
      'ever new tokens with the same page',
      (token) =>
        `<IsTruncated>true</IsTruncated><NextContinuationToken>${token ?? ''}t</NextContinuationToken>`,
    ],
  ])('is never a complete model: %s', async (name, more) => {
    const bucket = name.replace(/\W/g, '-');
    bucketOf(bucket, ['m/a'], more);
    const { result } = await pull(bucket, '/m');
    expect(result).toMatchObject({ kind: 'failed', retry: 'soon' });
  });
});

describe('a page that is not a listing', () => {
  it.each(['<Error><Code>InternalError</Code></Error>', '<html><body>busy</body></html>'])(
    'never ends a listing: %s',
    async (answer) => {
      const bucket = answer.replace(/\W/g, '').toLowerCase();
      const truncated = '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>';
      bucketOf(bucket, ['m/a']);
      for (const path of [`/${bucket}`, `/${bucket}/`]) {
        server.serveAt(path, (request, response) => {
          const later = new URL(request.url ?? '/', server.url).searchParams.has('continuation-token');
          response.end(later ? answer : page(['m/a'], truncated));
        });
      }
      expect((await pull(bucket, '/m')).result).toMatchObject({ kind: 'failed', retry: 'soon' });
    },
  );
});

describe('an ETag of 32 digits that is not an MD5', () => {
  it('does not fail the model in a store that is not AWS', async () => {
    expect(createHash('md5').update('x').digest('hex')).not.toBe('a'.repeat(32));
    bucketOf('etags', ['m/a']);
    expect(texts(await pull('etags', '/m'))).toEqual({ a: 'x' });
  });
});

describe('an ETag', () => {
  const md5 = createHash('md5').update('x').digest('hex');
  it.each([
    ['of several parts', `"${md5}-3"`],
    ['of 32 digits with parts', `"${'b'.repeat(32)}-1"`],
    ['that is weak', `W/"${'c'.repeat(32)}"`],
    ['without quotes', 'd'.repeat(32)],
    ['in capitals', `"${md5.toUpperCase()}"`],
    ['of another length', '"abc"'],
    ['of SHA-256', `"${'e'.repeat(64)}"`],
    ['that is empty', '""'],
    ['of letters that no digits are', `"${'z'.repeat(32)}"`],
  ])('%s fails no model', async (what, etag) => {
    const bucket = `e${what.replace(/\W/g, '').toLowerCase()}`;
    bucketOf(bucket, ['m/a']);
    server.serveAt(`/${bucket}/m/a`, (_, response) => void response.setHeader('etag', etag).end('x'));
    expect(texts(await pull(bucket, '/m'))).toEqual({ a: 'x' });
  });
});

describe('a damaged object in a store that is not AWS', () => {
  const etag = { etag: `"${'a'.repeat(32)}"` };
  const md5 = (text: string): string => createHash('md5').update(text).digest('base64');
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32('x'));
  const crc32OfX = crc.toString('base64');
  it.each<[string, Record<string, string>, string | undefined]>([
    ['its length', { 'content-length': '2' }, 'SourceUnavailable'],
    ['its Content-MD5', { 'content-md5': md5('y') }, 'ChecksumMismatch'],
    ['the hash of Google', { 'x-goog-hash': `crc32c=AAAAAA==,md5=${md5('y')}` }, 'ChecksumMismatch'],
    ['the checksum of AWS', { 'x-amz-checksum-crc32': 'AAAAAA==' }, 'ChecksumMismatch'],
    [
      'all of them, which are right',
      { 'content-md5': md5('x'), 'x-amz-checksum-crc32': crc32OfX },
      undefined,
    ],
    ['no more than its ETag, which need not be its MD5', {}, undefined],
  ])('is detected by %s', async (what, headers, reason) => {
    const bucket = what.replace(/\W/g, '-').toLowerCase();
    bucketOf(bucket, ['m/a']);
    server.serveAt(`/${bucket}/m/a`, (_, response) => {
      response.writeHead(200, { ...etag, ...headers });
      response.write('x', () => {
        if (headers['content-length'] === undefined) response.end();
        else response.destroy();
      });
    });
    const pulled = await pull(bucket, '/m');
    if (reason === undefined) expect(texts(pulled)).toEqual({ a: 'x' });
    else expect(pulled.result).toMatchObject({ kind: 'failed', reason, retry: 'soon' });
  });
});

describe('keys with empty segments', () => {
  it.each([
    ['m//f under its prefix', ['m//f'], '/m', ['f']],
    ['m//d/f', ['m//d//f', 'm/e'], '/m', ['d/f', 'e']],
    ['//key, as it is written', ['/key'], '//key', ['key']],
    ['//m, as it is written', ['/m/f', 'm/other'], '//m', ['f']],
    ['//m, where only m is there', ['m/f'], '//m', ['f']],
    ['marks of directories', ['m/', 'm//', 'm/../', 'm/1/', 'm/f'], '/m', ['f']],
  ])('%s', async (name, keys, path, expected) => {
    const bucket = name.replace(/\W/g, '-');
    bucketOf(bucket, keys);
    expect(Object.keys(texts(await pull(bucket, path)))).toEqual(expected);
  });
});

describe('refusals that advise what to do', () => {
  it('a wrong region names the right one', async () => {
    refusing('region', 400, '<Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region>');
    const { result } = await pull('region', '/m');
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceConfiguration' });
    expect(JSON.stringify(result)).toContain('Set AWS_DEFAULT_REGION to eu-central-1');
  });

  const MOVED = '<Endpoint>region.s3.eu-west-1.amazonaws.com</Endpoint>';
  it.each<[string, number, string, Record<string, string>, string]>([
    [
      '301 with the region in a header',
      301,
      `<Code>PermanentRedirect</Code>${MOVED}`,
      { 'x-amz-bucket-region': 'eu-west-1' },
      'Set AWS_DEFAULT_REGION to eu-west-1',
    ],
    [
      '301 with the region in its endpoint alone',
      301,
      `<Code>PermanentRedirect</Code>${MOVED}`,
      {},
      'Set AWS_DEFAULT_REGION to eu-west-1',
    ],
    ['301 that names nothing', 301, '<Code>PermanentRedirect</Code>', {}, 'AWS_DEFAULT_REGION'],
    [
      '301 without a body',
      301,
      '',
      { 'x-amz-bucket-region': 'eu-west-1' },
      'Set AWS_DEFAULT_REGION to eu-west-1',
    ],
    [
      '307 to another endpoint',
      307,
      `<Code>TemporaryRedirect</Code>${MOVED}`,
      { 'x-amz-bucket-region': 'eu-west-1' },
      'Set AWS_DEFAULT_REGION to eu-west-1',
    ],
    [
      '400 with the region in a header',
      400,
      '<Code>AuthorizationHeaderMalformed</Code>',
      { 'x-amz-bucket-region': 'eu-west-1' },
      'Set AWS_DEFAULT_REGION to eu-west-1',
    ],
    [
      '400 of a store that means its own name of a region',
      400,
      '<Code>AuthorizationHeaderMalformed</Code><Region>garage</Region>',
      {},
      'Set AWS_DEFAULT_REGION to garage',
    ],
    [
      '400 without a body',
      400,
      '',
      { 'x-amz-bucket-region': 'eu-west-1' },
      'Set AWS_DEFAULT_REGION to eu-west-1',
    ],
  ])('a wrong region: %s', async (what, status, body, headers, expected) => {
    const bucket = `r${what.replace(/\W/g, '').toLowerCase()}`;
    for (const path of [`/${bucket}`, `/${bucket}/`]) {
      server.serveAt(path, (_, response) => {
        response.writeHead(status, headers).end(body === '' ? '' : `<Error>${body}</Error>`);
      });
    }
    const { result } = await pull(bucket, '/m');
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceConfiguration' });
    expect(JSON.stringify(result)).toContain(expected);
  });

  it('an archived object is reported as archived, not as wrong credentials', async () => {
    bucketOf('glacier', ['m/a']);
    server.serveAt('/glacier/m/a', (_, response) => {
      response
        .writeHead(403)
        .end('<Error><Code>InvalidObjectState</Code><StorageClass>GLACIER</StorageClass></Error>');
    });
    const { result } = await pull('glacier', '/m');
    expect(result).toMatchObject({ kind: 'failed', reason: 'RequestRefused', retry: 'rarely' });
    expect(JSON.stringify(result)).toContain('archived (GLACIER)');
  });
});
