import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEFAULT_SOURCE_SETTINGS } from '../../../../src/agent/sources/settings.ts';
import type { ModelLimits } from '../../../../src/agent/sources/settings.ts';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer } from '../../../support/fault-server.ts';
import { pullOnce, texts } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';
import { pax, tar } from '../../../support/tar-writer.ts';
import { zip } from '../../../support/zip-writer.ts';

let server: FaultServer;
beforeAll(async () => {
  server = await startFaultServer();
});
afterAll(() => server.stop());

const MIB = 1024 ** 2;
const good = { name: 'good.txt', body: 'good' };
const limits: ModelLimits = { maxBytes: 64 * MIB, maxEntries: 100, maxRatio: 50, ratioFloorBytes: MIB };

function pull(name: string, archive: Buffer): Promise<Pulled> {
  const settings = { ...DEFAULT_SOURCE_SETTINGS, limits };
  return pullOnce(server.body(name, archive), { settings });
}

const zeros = Buffer.alloc(20 * MIB);
const manyFiles = Array.from({ length: 101 }, (_, index) => ({ name: `f${index}` }));
const flipped = (archive: Buffer, at: number): Buffer => {
  const copy = Buffer.from(archive);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
};
const textZip = zip([good, { name: 'a.txt', body: 'some longer text', method: 0 }]);

describe('unpacking archives', () => {
  const nested = [{ name: './', type: '5' }, { name: './d/', type: '5' }, { name: './d/x', body: 'x' }, good];
  const expected = { 'd/x': 'x', 'good.txt': 'good' };
  it.each<[string, string, Buffer]>([
    ['tar', 'm.tar', tar(nested)],
    ['tar.gz', 'm.tar.gz', gzipSync(tar(nested))],
    ['tgz, with an upper-case name', 'M.TGZ', gzipSync(tar(nested))],
    ['gzip with the name of a tar', 'm.tar', gzipSync(tar(nested))],
    ['zstd with the name of a tar', 'm.tar', zstdCompressSync(tar(nested))],
    [
      'two gzip members',
      'm.tgz',
      Buffer.concat([gzipSync(tar(nested).subarray(0, 700)), gzipSync(tar(nested).subarray(700))]),
    ],
    ['zip', 'm.zip', zip([{ name: 'd/', method: 0 }, { name: 'd/x', body: 'x', method: 0 }, good])],
    [
      'zip64',
      'm.zip',
      zip([
        { name: 'd/x', body: 'x', zip64: true },
        { ...good, zip64: true },
      ]),
    ],
  ])('%s', async (_, name, archive) => {
    const pulled = await pull(name, archive);
    expect(pulled.result).toMatchObject({ kind: 'pulled', files: 2, bytes: 5 });
    expect(texts(pulled)).toEqual(expected);
    expect(pulled.outside).toEqual([]);
  });

  it('keeps only the executable bit of a mode', async () => {
    const entries = [
      { name: 's', mode: 0o4777 },
      { name: 'n', mode: 0o000 },
      { name: 'd/', type: '5', mode: 0o1777 },
    ];
    const { modes } = await pull('m.tar', tar(entries));
    expect(Object.fromEntries(modes)).toEqual({ s: 0o755, n: 0o644, d: 0o755 });
    const zipped = await pull(
      'm.zip',
      zip([
        { name: 's', mode: 0o104755 },
        { name: 'n', mode: 0o100000 },
      ]),
    );
    expect(Object.fromEntries(zipped.modes)).toEqual({ s: 0o755, n: 0o644 });
  });

  it('keeps names that differ only in case as two files', async () => {
    expect(
      texts(
        await pull(
          'm.tar',
          tar([
            { name: 'A', body: '1' },
            { name: 'a', body: '2' },
          ]),
        ),
      ),
    ).toEqual({ A: '1', a: '2' });
  });

  it.each([
    ['without end blocks, inside a complete gzip', 'm.tgz', gzipSync(tar([good], 0))],
    ['with a volume label', 'm.tar', tar([{ name: 'backup', type: 'V' }, good])],
  ])('accepts a tar %s', async (_what, name, archive) => {
    expect(Object.keys(texts(await pull(name, archive)))).toEqual([good.name]);
  });

  it.each([
    ['a file', { name: `./SUCCESS.${'0'.repeat(64)}`, body: '{}' }],
    ['a link', { name: `SUCCESS.${'0'.repeat(64)}`, type: '2', linkname: '/etc/passwd' }],
    ['a directory', { name: `SUCCESS.${'0'.repeat(64)}/inner`, body: 'x' }],
  ])('leaves out %s with the name of a marker of another agent', async (_, marker) => {
    expect(texts(await pull('m.tar', tar([good, marker])))).toEqual({ 'good.txt': 'good' });
  });

  it('uses a name from a pax header', async () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}.bin`;
    expect(texts(await pull('m.tar', tar([pax({ path: long }), { name: 'short', body: '1' }])))).toEqual({
      [long]: '1',
    });
  });
});

type Attack = [what: string, name: string, archive: Buffer, reason: string, word: string];

const names: Attack[] = [
  '../evil',
  'a/../../evil',
  '/etc/evil',
  'C:/evil',
  'C:evil',
  'a\\..\\..\\evil',
  'a/..',
  'bell\u0007',
].flatMap((name): Attack[] => [
  [`tar: ${JSON.stringify(name)}`, 'm.tar', tar([good, { name, body: 'x' }]), 'UnsafePath', 'evil'],
  [`zip: ${JSON.stringify(name)}`, 'm.zip', zip([good, { name, body: 'x' }]), 'UnsafePath', 'evil'],
]);

const tarAttacks: Attack[] = [
  [
    'symbolic link',
    'm.tar',
    tar([
      { name: 'l', type: '2', linkname: '/etc' },
      { name: 'l/evil', body: 'x' },
    ]),
    'UnsafeEntry',
    'symbolic link',
  ],
  [
    'symbolic link inside',
    'm.tar',
    tar([good, { name: 'l', type: '2', linkname: 'good.txt' }]),
    'UnsafeEntry',
    'symbolic link',
  ],
  [
    'hard link',
    'm.tar',
    tar([good, { name: 'l', type: '1', linkname: '/etc/passwd' }]),
    'UnsafeEntry',
    'hard link',
  ],
  ['character device', 'm.tar', tar([{ name: 'd', type: '3' }]), 'UnsafeEntry', 'character-device'],
  ['block device', 'm.tar', tar([{ name: 'd', type: '4' }]), 'UnsafeEntry', 'block-device'],
  ['FIFO', 'm.tar', tar([{ name: 'f', type: '6' }]), 'UnsafeEntry', 'fifo'],
  ['unknown type', 'm.tar', tar([good, { name: 'f', type: 'M' }]), 'UnsafeEntry', 'special'],
  ['GNU sparse file', 'm.tar', tar([pax({ 'GNU.sparse.major': '1' }), good]), 'BadArchive', 'sparse'],
  ['pax name with a path traversal', 'm.tar', tar([pax({ path: '../evil' }), good]), 'UnsafePath', '..'],
  ['duplicate', 'm.tar', tar([good, good]), 'DuplicateEntry', 'twice'],
  [
    'duplicate with another spelling',
    'm.tar',
    tar([good, { name: './/good.txt', body: 'other' }]),
    'DuplicateEntry',
    'twice',
  ],
  [
    'duplicate after normalisation',
    'm.tar',
    tar([{ name: '\u00e9' }, { name: 'e\u0301' }]),
    'DuplicateEntry',
    'twice',
  ],
  ['file, then directory', 'm.tar', tar([{ name: 'a' }, { name: 'a/b' }]), 'DuplicateEntry', 'at once'],
  ['directory, then file', 'm.tar', tar([{ name: 'a/b' }, { name: 'a' }]), 'DuplicateEntry', 'at once'],
  ['bomb by ratio', 'm.tar.gz', gzipSync(tar([{ name: 'zeros', body: zeros }])), 'LimitExceeded', 'bomb'],
  [
    'bomb of zeros after the end',
    'm.tar.gz',
    gzipSync(Buffer.concat([tar([good]), zeros])),
    'LimitExceeded',
    'bomb',
  ],
  [
    'bomb by size',
    'm.tar',
    tar(Array.from({ length: 4 }, (_, i) => ({ name: `f${i}`, body: zeros }))),
    'LimitExceeded',
    'larger',
  ],
  ['bomb by entries', 'm.tar', tar(manyFiles), 'LimitExceeded', 'entries'],
  [
    'bomb by directories',
    'm.tar',
    tar(
      [{ name: 'd/'.repeat(60) + 'f' }, { name: 'e/'.repeat(60) + 'f' }].flatMap((e) => [
        pax({ path: e.name }),
        { name: 'x' },
      ]),
    ),
    'LimitExceeded',
    'entries',
  ],
  ['too deep', 'm.tar', tar([pax({ path: 'd/'.repeat(70) + 'f' }), { name: 'x' }]), 'UnsafePath', 'deep'],
  ['name too long', 'm.tar', tar([pax({ path: 'n'.repeat(300) }), { name: 'x' }]), 'UnsafePath', 'longer'],
  [
    'truncated in a file',
    'm.tar',
    tar([{ name: 'big', body: zeros }]).subarray(0, MIB),
    'BadArchive',
    'end of data',
  ],
  ['truncated between files', 'm.tar', tar([good], 0), 'BadArchive', 'end marker'],
  ['truncated gzip', 'm.tar.gz', gzipSync(tar([good])).subarray(0, 60), 'BadArchive', 'end of file'],
  [
    'gzip with a wrong CRC',
    'm.tar.gz',
    flipped(gzipSync(tar([good])), gzipSync(tar([good])).length - 6),
    'BadArchive',
    'data check',
  ],
  ['damaged header', 'm.tar', flipped(tar([good]), 5), 'BadArchive', 'header'],
  ['a web page', 'm.tar', Buffer.from('<html>login</html>'.repeat(100)), 'BadArchive', 'a web page'],
  ['a short web page', 'm.tgz', Buffer.from('\n<!DOCTYPE html><p>login'), 'BadArchive', 'a web page'],
  ['a gzipped web page', 'm.tgz', gzipSync('<html>login</html>'), 'BadArchive', 'a web page'],
  ['XML', 'm.tgz', Buffer.from('<?xml version="1.0"?><Error/>'), 'BadArchive', 'XML'],
  ['JSON', 'm.tgz', Buffer.from('{"error":"gone"}'), 'BadArchive', 'JSON'],
  ['a zip', 'm.tgz', textZip, 'BadArchive', 'it is a zip'],
  ['a 7z', 'm.tgz', Buffer.from('377abcaf271c0004', 'hex'), 'BadArchive', '7z'],
  ['compressed twice', 'm.tgz', gzipSync(gzipSync(tar([good]))), 'BadArchive', 'twice'],
  [
    'a Git LFS pointer',
    'm.tgz',
    Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
    'BadArchive',
    'Git LFS',
  ],
  ['anything else', 'm.tar', Buffer.alloc(2048, 'x'), 'BadArchive', 'header'],
  ['empty', 'm.tar', Buffer.alloc(0), 'BadArchive', 'empty'],
  ['no entries', 'm.tar', tar([]), 'NotFound', 'no files'],
  ['an old sparse file', 'm.tar', tar([{ name: 'f', type: 'S' }]), 'UnsafeEntry', '--sparse'],
  ['lz4', 'm.tgz', Buffer.from('04224d18644070b9', 'hex'), 'BadArchive', 'lz4'],
  ['compress', 'm.tgz', Buffer.from('1f9d90', 'hex'), 'BadArchive', 'compress'],
  ['bzip2', 'm.tar', Buffer.from('BZh91AY&SY'), 'BadArchive', 'bzip2'],
  ['xz', 'm.tar', Buffer.from('fd377a585a000004', 'hex'), 'BadArchive', 'xz'],
];

const zipAttacks: Attack[] = [
  [
    'symbolic link',
    'm.zip',
    zip([{ name: 'l', body: '/etc', mode: 0o120777 }]),
    'UnsafeEntry',
    'symbolic link',
  ],
  ['device', 'm.zip', zip([{ name: 'd', mode: 0o020644 }]), 'UnsafeEntry', 'special'],
  ['duplicate', 'm.zip', zip([good, good]), 'DuplicateEntry', 'twice'],
  ['encrypted', 'm.zip', zip([{ ...good, flags: 0x801 }]), 'BadArchive', 'encrypted'],
  ['unknown compression method', 'm.zip', zip([{ ...good, method: 12 }]), 'BadArchive', 'method 12'],
  [
    'another name in the local header',
    'm.zip',
    zip([{ ...good, localName: 'evil.txt' }]),
    'BadArchive',
    'differently',
  ],
  ['wrong CRC', 'm.zip', zip([{ ...good, crc: 1 }]), 'BadArchive', 'CRC-32'],
  [
    'more bytes than claimed',
    'm.zip',
    zip([{ name: 'z', body: zeros.subarray(0, MIB), size: 10 }]),
    'BadArchive',
    'too many bytes',
  ],
  [
    'overlapping entries',
    'm.zip',
    zip([good, { ...good, name: 'good.txu', sameDataAs: 0 }]),
    'BadArchive',
    'overlap',
  ],
  ['bomb by ratio', 'm.zip', zip([{ name: 'zeros', body: zeros }]), 'LimitExceeded', 'bomb'],
  [
    'bomb by claimed size',
    'm.zip',
    zip([{ name: 'z', body: 'x', size: 65 * MIB }]),
    'LimitExceeded',
    'more than',
  ],
  ['bomb by entries', 'm.zip', zip(manyFiles), 'LimitExceeded', 'entries'],
  ['a .tgz', 'm.zip', gzipSync(tar([good])), 'BadArchive', '.tar.gz'],
  ['a tar', 'm.zip', tar([good]), 'BadArchive', 'it is a tar'],
  ['xz', 'm.zip', Buffer.from('fd377a585a000004', 'hex'), 'BadArchive', 'xz'],
  ['a web page', 'm.zip', Buffer.from('<html>login</html>'), 'BadArchive', 'a web page'],
  ['truncated', 'm.zip', textZip.subarray(0, textZip.length - 30), 'BadArchive', 'central directory'],
  ['corrupt data', 'm.zip', flipped(textZip, textZip.indexOf('some longer')), 'BadArchive', 'CRC-32'],
  ['not a zip', 'm.zip', Buffer.alloc(300, 'x'), 'BadArchive', 'central directory'],
];

describe.each<[string, Attack[]]>([
  [
    'names with a path traversal',
    names.map(([what, name, archive, reason]) => [what, name, archive, reason, 'refused']),
  ],
  ['tar', tarAttacks],
  ['zip', zipAttacks],
])('rejected archives: %s', (_, attacks) => {
  it.each(attacks)('%s', async (_what, name, archive, reason, word) => {
    const { result, files, outside } = await pull(name, archive);
    expect(result).toMatchObject({
      kind: 'failed',
      reason,
      retry: 'rarely',
      message: expect.stringContaining(word),
    });
    expect([...files.keys(), ...outside]).toEqual([]);
  });
});

describe('files that are not archives', () => {
  it.each([
    ['model.json.gz', 'application/gzip'],
    ['weights.npz', 'application/zip'],
    ['model.pt', 'application/octet-stream'],
  ])('stores %s served as %s unchanged', async (name, type) => {
    const pulled = await pullOnce(server.body(name, zip([good]), { 'content-type': type }));
    expect([...pulled.files.keys()]).toEqual([name]);
  });

  it('uses the media type for a name without an extension, as KServe does', async () => {
    const pulled = await pullOnce(
      server.body('download', zip([good]), { 'content-type': 'application/zip' }),
    );
    expect(texts(pulled)).toEqual({ 'good.txt': 'good' });
  });
});
