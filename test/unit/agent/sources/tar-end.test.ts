import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEFAULT_SOURCE_SETTINGS } from '../../../../src/agent/sources/settings.ts';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer } from '../../../support/fault-server.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';
import { pax, tar, tarHeader } from '../../../support/tar-writer.ts';

/** Each row of the table about the end of a tar in docs/agent-inside.md. A `.tgz` is compressed with gzip. */
let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

interface Served {
  /** Without: the response ends when the server closes the connection, and has no length. */
  readonly length?: boolean;
  readonly maxBytes?: number;
}

function pull(name: string, archive: Buffer, { length = true, maxBytes }: Served = {}): Promise<Pulled> {
  const uri = server.body(name, archive, length ? { 'content-length': String(archive.length) } : {});
  const { limits } = DEFAULT_SOURCE_SETTINGS;
  return pullOnce(uri, { settings: { limits: { ...limits, ...(maxBytes && { maxBytes }) } } });
}

const zeros = Buffer.alloc(512);
const a = { name: 'a', body: 'content of a' };
const entry = tar([a], 0);
const whole = tar([a]);
const other = tar([{ name: 'b', body: 'b' }]);
const junk = Buffer.from('<!-- added by a proxy -->'.repeat(50));
const packed = gzipSync(whole);
const changed = (archive: Buffer, at: number): Buffer => {
  const copy = Buffer.from(archive);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 0xff;
  return copy;
};
const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

/** Jest would use a missing value for a parameter as its own callback. */
function rows<T extends readonly [string, ...unknown[]]>(table: readonly T[]): [string, T][] {
  return table.map((row) => [row[0], row]);
}

describe('accepts a tar', () => {
  it.each(
    rows<[string, string, Buffer, Served?]>([
      ['zeros after the end', 'm.tar', join(whole, Buffer.alloc(9000))],
      ['other bytes after the end', 'm.tar', join(whole, junk)],
      ['a few other bytes after the end', 'm.tar', join(whole, Buffer.from('xyz'))],
      [
        'other bytes after the end, from a source without a length',
        'm.tar',
        join(whole, junk),
        { length: false },
      ],
      ['another tar after the end, which all programs ignore', 'm.tar', join(whole, other)],
      ['other bytes after the end, inside the gzip', 'm.tgz', gzipSync(join(whole, junk))],
      ['other bytes after the gzip', 'm.tgz', join(packed, junk)],
      ['a newline after the gzip', 'm.tgz', join(packed, Buffer.from('\n'))],
      ['bytes that look like gzip after the gzip', 'm.tgz', join(packed, Buffer.from('1f8b', 'hex'), junk)],
      ['zeros after the gzip', 'm.tgz', join(packed, Buffer.alloc(700))],
      ['zeros and other bytes after the gzip', 'm.tgz', join(packed, Buffer.alloc(700), junk)],
      ['a second member after the end', 'm.tgz', join(packed, gzipSync(other))],
      [
        'a truncated second member after the end',
        'm.tgz',
        join(packed, gzipSync(randomBytes(2000)).subarray(0, 500)),
      ],
      ['a corrupt second member after the end', 'm.tgz', join(packed, changed(gzipSync(other), -6))],
      ['its end in a second member', 'm.tgz', join(gzipSync(entry), gzipSync(Buffer.alloc(1024)))],
      ['an empty member at the end, as bgzip writes', 'm.tgz', join(gzipSync(entry), gzipSync(''))],
      ['other bytes after the end, inside zstd', 'm.tar', zstdCompressSync(join(whole, junk))],
      ['other bytes after the zstd', 'm.tar', join(zstdCompressSync(whole), junk)],
      ['one block of zeros', 'm.tar', join(entry, zeros), { length: false }],
      ['one block of zeros, then other bytes', 'm.tar', join(entry, zeros, junk)],
      ['one block of zeros and a part of another', 'm.tar', join(entry, zeros, zeros.subarray(0, 100))],
      ['no end, with a known length', 'm.tar', entry],
      ['no end, in gzip', 'm.tgz', gzipSync(entry), { length: false }],
      ['no end, and an incomplete last block', 'm.tar', entry.subarray(0, 512 + a.body.length)],
      [
        'no end and an incomplete last block, in gzip',
        'm.tgz',
        gzipSync(entry.subarray(0, 512 + a.body.length)),
        { length: false },
      ],
    ]),
  )('with %s', async (_what, [, name, archive, served]) => {
    const pulled = await pull(name, archive, served);
    expect(pulled.result).toMatchObject({ kind: 'pulled', files: 1 });
    expect(texts(pulled)).toEqual({ a: a.body });
  });

  it.each([
    ['a size in a pax header', join(tar([pax({ size: '600' })], 0), tarHeader({ name: 'a', size: 0 }))],
    ['a size in binary', join(binarySize(600))],
    [
      'a size for all entries',
      join(tar([globalPax({ size: '600' }), pax({ comment: 'x' })], 0), tarHeader({ name: 'a', size: 0 })),
    ],
  ])('with zeros in a file of %s, which are not the end', async (_what, head) => {
    const content = Buffer.alloc(1024);
    content.write('x', 599);
    const pulled = await pull('m.tar', join(head, content, other));
    expect([pulled.files.get('a')?.length, pulled.files.get('b')?.toString()]).toEqual([600, 'b']);
  });

  it.each(['x', 'g', 'L', 'K'])(
    'with headers of type %s without content for the next entry, for any size of pieces',
    async (type) => {
      const files = { a: 'a'.repeat(100), b: 'b'.repeat(511), c: 'c'.repeat(512), d: 'd'.repeat(1_500) };
      const entries = Object.entries(files).flatMap(([name, body]) => [
        { name: 'nothing', type },
        { name, body },
      ]);
      for (const archive of [tar(entries), gzipSync(tar(entries))])
        expect(texts(await pull('m.tar', archive))).toEqual(files);
      expect(texts(await pull('m.tar', tar([...entries, { name: 'nothing', type }])))).toEqual(files);
    },
  );

  it('with directories that have a size, and names of GNU tar', async () => {
    const long = 'n'.repeat(150);
    const archive = tar([
      { name: 'd/', type: '5', size: 4096 },
      { name: '././@LongLink', type: 'L', body: `${long}\0` },
      { name: 'n', body: 'x' },
    ]);
    expect(texts(await pull('m.tar', join(archive, junk)))).toEqual({ [long]: 'x' });
  });
});

describe('rejects a tar', () => {
  it.each(
    rows<[string, string, Buffer, string, Served?]>([
      ['no end, without a length', 'm.tar', entry, 'without an end marker', { length: false }],
      ['no end, but other bytes', 'm.tar', join(entry, junk), 'header'],
      ['no end, but a few other bytes', 'm.tar', join(entry, Buffer.from('xyz')), 'end of data'],
      [
        'no end in its gzip, and other bytes after it',
        'm.tgz',
        join(gzipSync(entry), junk),
        'follow its gzip',
      ],
      [
        'no end in its gzip, then zeros and other bytes',
        'm.tgz',
        join(gzipSync(entry), zeros, junk),
        'follow its gzip',
      ],
      [
        'no end in its zstd, and other bytes after it',
        'm.tar',
        join(zstdCompressSync(entry), junk),
        'follow its zstd',
      ],
      [
        'a truncated second member that contains the end',
        'm.tgz',
        join(gzipSync(entry), gzipSync(randomBytes(2000)).subarray(0, 500)),
        'end of file',
      ],
      ['an entry after one block of zeros', 'm.tar', join(entry, zeros, other), 'an entry follows'],
      ['a truncated header', 'm.tar', join(entry, other.subarray(0, 300)), 'end of data'],
      ['a truncated file', 'm.tar', join(entry, other.subarray(0, 512)), 'end of data'],
      ['a wrong CRC in the gzip', 'm.tgz', join(changed(packed, -8), junk), 'data check'],
      ['a wrong length in the gzip', 'm.tgz', changed(packed, -1), 'data check'],
      ['a truncated trailer of the gzip', 'm.tgz', packed.subarray(0, -3), 'end of file'],
      ['a truncated header of the gzip', 'm.tgz', packed.subarray(0, 9), 'end of file'],
      [
        'more bytes after its end than the limit of a model',
        'm.tgz',
        join(packed, Buffer.alloc(200_000, 'x')),
        'follow the end',
        { maxBytes: 100_000 },
      ],
      [
        'more bytes after its end in the gzip than the limit of a model',
        'm.tgz',
        gzipSync(join(whole, randomBytes(200_000))),
        'follow the end',
        { maxBytes: 100_000 },
      ],
    ]),
  )('with %s', async (_what, [, name, archive, word, served]) => {
    const { result, files } = await pull(name, archive, served);
    expect(result).toMatchObject({ kind: 'failed', retry: 'rarely', message: expect.stringContaining(word) });
    expect([...files.keys()]).toEqual([]);
  });
});

it('detects the compression even if the first byte arrives alone', async () => {
  const uri = server.serve('m.tgz', async (_, response) => {
    response.write(packed.subarray(0, 1));
    await setImmediate();
    response.end(packed.subarray(1));
  });
  expect(texts(await pullOnce(uri))).toEqual({ a: a.body });
});

describe('a gzip header', () => {
  const member = (flags: number, fields: Buffer): Buffer => {
    const plain = gzipSync(whole);
    const head = Buffer.from(plain.subarray(0, 10));
    head[3] = flags;
    return join(head, fields, plain.subarray(10));
  };
  it.each([
    ['a name', member(0x08, Buffer.from('model.tar\0'))],
    ['a comment', member(0x10, Buffer.from('made by hand\0'))],
    ['extra fields, as bgzip has', member(0x04, Buffer.from('0600424302001b00', 'hex'))],
    [
      'all of these and its own CRC',
      member(0x1e, Buffer.concat([Buffer.from('0000', 'hex'), Buffer.from('n\0c\0'), Buffer.alloc(2)])),
    ],
    ['a name of 60,000 bytes', member(0x08, Buffer.concat([Buffer.alloc(60_000, 'n'), Buffer.alloc(1)]))],
  ])('with %s is read', async (_what, archive) => {
    expect(texts(await pull('m.tgz', archive))).toEqual({ a: a.body });
  });

  it('with an endless name is rejected', async () => {
    const { result } = await pull('m.tgz', member(0x08, Buffer.alloc(1_000_000, 'n')));
    expect(result).toMatchObject({ kind: 'failed', reason: 'BadArchive' });
  });
});

function binarySize(size: number): Buffer {
  const header = tarHeader({ name: 'a', size: 0 });
  header.fill(0, 124, 136);
  header[124] = 0x80;
  header.writeBigUInt64BE(BigInt(size), 128);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function globalPax(attributes: Readonly<Record<string, string>>) {
  return { ...pax(attributes), type: 'g' };
}
