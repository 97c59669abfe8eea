import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Puller } from '../../../../src/agent/puller/contract.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../../../src/agent/sources/settings.ts';
import { testForkedPuller } from '../../../support/forked-puller.ts';
import { startPlayedStores } from '../../../support/played-stores.ts';
import type { PlayedStores, StoreKind } from '../../../support/played-stores.ts';
import { pullOnce } from '../../../support/pulling.ts';
import type { Pulled } from '../../../support/pulling.ts';
import { sized } from '../../../support/tier.ts';

/** FUZZ_SECONDS extends the search, for each of the four stores. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? sized({ check: 4, soak: 30 }));
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const BOUND = { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1000 };
const JEST_LIMIT_MS = SECONDS * 1000 + 60_000;

const FILES = [['a', 'b'], ['c', 'd/e'], ['f']];
const ALL = FILES.flat().sort();
const KINDS: readonly StoreKind[] = ['s3', 'gs', 'azure', 'oci'];

/** Parts of listings, and text that breaks parsers. */
const words = fc.constantFrom(
  ...[
    '<Contents>',
    '</Contents>',
    '<Key>m/z</Key>',
    '<Key/>',
    '<Size>-1</Size>',
    '<IsTruncated>',
    '<Blob>',
    '</Blobs>',
  ],
  ...[
    '<Name>m/../../z</Name>',
    '<NextMarker>p1</NextMarker>',
    '<!DOCTYPE a [<!ENTITY b "bb">]>',
    '&b;',
    '&#0;',
    '<![CDATA[',
  ],
  ...[
    '"name":"m/../z",',
    '"size":"1e9",',
    'null',
    '[]',
    '{}',
    '"nextPageToken":"p1",',
    '"layers":null,',
    '1e999',
    '\\u0000',
  ],
  ...['"org.opencontainers.image.title":"../z",', '__proto__', '\ud800', '\0', '9'.repeat(20)],
);
type Change = (bytes: Buffer) => Buffer;
const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Buffer, share: number): number => Math.floor(share * bytes.length);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([share, byte]): Change => (bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[Math.min(at(bytes, share), bytes.length - 1)] = byte;
    return copy;
  }),
  fc.tuple(place, words).map(([share, word]): Change => (bytes) => {
    const index = at(bytes, share);
    return Buffer.concat([bytes.subarray(0, index), Buffer.from(word), bytes.subarray(index)]);
  }),
  fc.tuple(place, place).map(([from, to]): Change => (bytes) => {
    return Buffer.concat([bytes.subarray(0, at(bytes, from)), bytes.subarray(at(bytes, to))]);
  }),
);

/** Pages that cannot belong to a whole model: truncated, of another kind, or earlier than requested. */
const noPage: fc.Arbitrary<(pages: readonly Buffer[], index: number) => Buffer> = fc.oneof(
  place.map((share) => (pages: readonly Buffer[], index: number) => {
    const page = pages[index] ?? Buffer.alloc(0);
    return page.subarray(0, at(page, share));
  }),
  fc
    .constantFrom(
      '',
      ' ',
      'null',
      '[]',
      '{}',
      '0',
      '<a/>',
      '<Error><Code>SlowDown</Code></Error>',
      '<html>busy</html>',
      '{"error":{"code":503}}',
    )
    .map((text) => () => Buffer.from(text)),
  // A later page could be the whole list at another time. An earlier page was already read.
  fc.nat(FILES.length - 1).map((back) => (pages: readonly Buffer[], index: number) => {
    return pages[Math.max(0, index - back)] ?? Buffer.alloc(0);
  }),
);

describe.each(KINDS)('the randomly changed listing of a store (%s)', (kind) => {
  let stores: PlayedStores;
  let puller: Puller;
  beforeAll(async () => {
    stores = await startPlayedStores(FILES);
    const settings = { ...DEFAULT_SOURCE_SETTINGS, attemptsPerFile: 1, noProgressTimeoutMs: 10_000 };
    puller = testForkedPuller({ env: stores.env, settings });
  });
  afterAll(async () => {
    await puller.stop();
    await stores.stop();
  });

  async function pulled(index: number, bytes: Buffer): Promise<Pulled> {
    stores.replace({ index, bytes });
    const outcome = await pullOnce(stores.uris[kind], { puller });
    expect(outcome.outside).toEqual([]);
    if (outcome.result.kind === 'pulled') expect(outcome.result.files).toBe(outcome.files.size);
    else {
      const { reason, message } = outcome.result;
      expect([`${reason}: ${message}`, outcome.files.size]).toEqual([
        expect.stringMatching(/^(?!Unexpected|PullerFailed)[A-Z]/),
        0,
      ]);
    }
    return outcome;
  }

  it('results in the whole model when unchanged', async () => {
    stores.replace(undefined);
    const { files } = await pullOnce(stores.uris[kind], { puller });
    expect([...files.keys()].sort()).toEqual(ALL);
  });

  it(
    'results in a model or in a failure with a reason, and leaves no file beside the model',
    async () => {
      const outcome = fc.asyncProperty(
        fc.nat(FILES.length - 1),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        async (page, changes) => {
          const pages = stores.pages(kind);
          const index = page % pages.length;
          await pulled(
            index,
            changes.reduce((bytes, next) => next(bytes), pages[index] ?? Buffer.alloc(0)),
          );
        },
      );
      await fc.assert(outcome, BOUND);
    },
    JEST_LIMIT_MS,
  );

  it(
    'never results in a partial model when it may be incomplete',
    async () => {
      const outcome = fc.asyncProperty(fc.nat(FILES.length - 1), noPage, async (page, make) => {
        const pages = stores.pages(kind);
        const index = page % pages.length;
        const { result, files } = await pulled(index, make(pages, index));
        if (result.kind === 'pulled') expect([...files.keys()].sort()).toEqual(ALL);
      });
      await fc.assert(outcome, BOUND);
    },
    JEST_LIMIT_MS,
  );
});
