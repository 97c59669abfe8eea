import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { unpackTar } from '../../../../src/agent/sources/archive-tar.ts';
import { PullError } from '../../../../src/agent/sources/errors.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../../../src/agent/sources/settings.ts';
import type { TreeWriter } from '../../../../src/agent/sources/tree-writer.ts';
import { startFaultServer } from '../../../support/fault-server.ts';
import type { FaultServer } from '../../../support/fault-server.ts';
import { pullOnce } from '../../../support/pulling.ts';
import { pax, tar } from '../../../support/tar-writer.ts';
import type { TarEntry } from '../../../support/tar-writer.ts';
import { zip } from '../../../support/zip-writer.ts';
import { sized } from '../../../support/tier.ts';

/** FUZZ_SECONDS extends the search. Each property takes at most that long. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? sized({ check: 6, soak: 60 }));
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const BOUND = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1000 };
const JEST_LIMIT_MS = SECONDS * 1000 + 60_000;

const MIB = 1024 ** 2;
const LIMITS = { maxBytes: MIB, maxEntries: 50, maxRatio: 50, ratioFloorBytes: 256 * 1024 };
/** The archives are a few KiB. Unpacking fails if the content exceeds LIMITS. */
const MEMORY_BYTES = 512 * MIB;

const name = fc.oneof(
  fc.constantFrom(
    'a',
    'a/b',
    'd/',
    'a/../../x',
    '/x',
    '.',
    '',
    './/a',
    'SUCCESS.1',
    'n'.repeat(100),
    'é',
    'e\u0301',
    'a\\b',
  ),
  fc.string({ maxLength: 12 }),
);
const body = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom(0, 1, 511, 512, 513, 5000).map((length) => '\0'.repeat(length)),
  fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes)),
);
const size = fc.option(fc.constantFrom(0, 1, 512, 4096, 2 ** 31, 2 ** 33, 2 ** 53), {
  nil: undefined,
  freq: 8,
});
const tarEntry: fc.Arbitrary<TarEntry> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: fc.constantFrom('a', 'a/b', 'c', 'd/e', 'é'), body }) },
  fc.record({ name, body }),
  fc
    .record({
      name,
      body,
      size,
      type: fc.constantFrom('0', '\0', '1', '2', '3', '5', '6', '7', 'L', 'K', 'V', 'M', 'S'),
    })
    .map(({ size: claimed, ...entry }) => (claimed === undefined ? entry : { ...entry, size: claimed })),
  fc
    .tuple(fc.constantFrom('path', 'size', 'linkpath', 'GNU.sparse.major', '__proto__'), name)
    .map(([key, value]) => {
      return pax({ [key]: key === 'size' ? String(value.length * 300) : value });
    }),
);
const tarBytes = fc
  .tuple(fc.array(tarEntry, { maxLength: 4 }), fc.constantFrom(0, 1, 2, 2, 2, 20))
  .map(([entries, endBlocks]) => tar(entries, endBlocks));

type Change = (bytes: Buffer) => Buffer;
const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Buffer, share: number): number => Math.floor(share * bytes.length);
const insert = (share: number, more: Uint8Array): Change => {
  return (bytes) =>
    Buffer.concat([bytes.subarray(0, at(bytes, share)), more, bytes.subarray(at(bytes, share))]);
};
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([share, byte]): Change => (bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[Math.min(at(bytes, share), bytes.length - 1)] = byte;
    return copy;
  }),
  fc.tuple(place, fc.uint8Array({ maxLength: 20 })).map(([share, more]) => insert(share, more)),
  fc
    .tuple(place, fc.constantFrom(1, 512, 3000))
    .map(([share, length]) => insert(share, Buffer.alloc(length))),
  place.map(
    (share): Change =>
      (bytes) =>
        bytes.subarray(0, at(bytes, share)),
  ),
  fc.uint8Array({ maxLength: 600 }).map((more) => insert(1, more)),
  fc.tuple(place, place).map(([from, to]): Change => (bytes) => {
    return Buffer.concat([bytes.subarray(0, at(bytes, from)), bytes.subarray(at(bytes, to))]);
  }),
);
const changes = fc.oneof(fc.constant([]), fc.array(change, { maxLength: 3 }));
const changed = (bytes: Buffer, by: readonly Change[]): Buffer => by.reduce((so, next) => next(so), bytes);

const packing = fc.constantFrom<((bytes: Buffer) => Buffer)[]>(
  (bytes) => bytes,
  (bytes) => gzipSync(bytes),
  (bytes) => Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]),
  (bytes) => zstdCompressSync(bytes),
);
const anyTar = fc
  .tuple(tarBytes, changes, packing, changes)
  .map(([bytes, before, pack, after]) => changed(pack(changed(bytes, before)), after));
const zipEntry = fc
  .record(
    {
      name,
      body,
      method: fc.constantFrom(0, 8, 8, 12),
      mode: fc.constantFrom(0o100644, 0o120777, 0o040755),
      flags: fc.constantFrom(0x800, 0x801, 0x808),
      size: fc.constantFrom(0, 10, 2 ** 31),
      zip64: fc.boolean(),
    },
    { requiredKeys: ['name', 'body'] },
  )
  .map((entry) => (entry.method === 12 ? { ...entry, method: 8 } : entry));
const anyZip = fc
  .tuple(fc.array(zipEntry, { maxLength: 5 }), changes)
  .map(([entries, by]) => changed(zip(entries), by));

/** Buffers in use. Those waiting for garbage collection do not show what a pull needs. */
function heldBytes(): number {
  const { arrayBuffers } = process.memoryUsage();
  if (arrayBuffers < MEMORY_BYTES) return arrayBuffers;
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

describe('random archives', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await startFaultServer();
  });
  afterAll(() => server.stop());

  it.each([
    ['tar', 'm.tgz', anyTar],
    ['zip', 'm.zip', anyZip],
  ])(
    'result in a model or in a failure with a reason, and leave no file beside the model: %s',
    async (_kind, file, archives) => {
      let current: Uint8Array = Buffer.alloc(0);
      const uri = server.serve(file, (_, response) => void response.end(current));
      const seen = { pulled: 0, failed: 0, memory: 0 };
      const outcome = fc.asyncProperty(archives, async (archive) => {
        current = archive;
        const settings = {
          ...DEFAULT_SOURCE_SETTINGS,
          limits: LIMITS,
          attemptsPerFile: 1,
          noProgressTimeoutMs: 10_000,
        };
        const { result, files, outside } = await pullOnce(uri, { settings });
        expect(outside).toEqual([]);
        seen.memory = Math.max(seen.memory, heldBytes());
        if (result.kind === 'failed') {
          seen.failed += 1;
          expect([`${result.reason}: ${result.message}`, files.size]).toEqual([
            expect.stringMatching(/^(?!Unexpected)[A-Z]/),
            0,
          ]);
          return;
        }
        seen.pulled += 1;
        expect(result.files).toBe(files.size);
        expect(result.bytes).toBeLessThanOrEqual(LIMITS.maxBytes);
      });
      await fc.assert(outcome, BOUND);
      expect(seen.pulled).toBeGreaterThan(0);
      expect(seen.failed).toBeGreaterThan(0);
      expect(seen.memory).toBeLessThan(MEMORY_BYTES);
    },
    JEST_LIMIT_MS,
  );
});

/** The files of an archive that arrives in pieces of this size, or 'refused'. */
async function unpacked(archive: Buffer, piece: number): Promise<unknown> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    await Promise.resolve();
    for (let from = 0; from < archive.length; from += piece) yield archive.subarray(from, from + piece);
  }
  const files: [string, string][] = [];
  const tree: TreeWriter = {
    writeFile: async (path, content) => {
      const parts: Uint8Array[] = [];
      for await (const chunk of content) parts.push(chunk);
      files.push([path, Buffer.concat(parts).toString('hex')]);
    },
    addDirectory: (path) => void files.push([path, 'directory']),
    totals: { files: 0, bytes: 0 },
    close: () => undefined,
  };
  try {
    await unpackTar(pieces(), tree, { limits: LIMITS });
    return files;
  } catch (thrown) {
    // An archive may have two faults, and either may be found first.
    return thrown instanceof PullError ? 'refused' : String(thrown);
  }
}

describe('a random tar', () => {
  it(
    'is unpacked the same for any size of pieces',
    async () => {
      const outcome = fc.asyncProperty(
        anyTar,
        fc.constantFrom(1, 7, 511, 513, 1500),
        async (archive, piece) => {
          expect(await unpacked(archive, piece)).toEqual(await unpacked(archive, archive.length + 1));
        },
      );
      await fc.assert(outcome, BOUND);
    },
    JEST_LIMIT_MS,
  );
});
