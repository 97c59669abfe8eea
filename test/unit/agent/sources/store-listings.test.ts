import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Puller } from '../../../../src/agent/puller/contract.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../../../src/agent/sources/settings.ts';
import { testForkedPuller } from '../../../support/forked-puller.ts';
import { startPlayedStores } from '../../../support/played-stores.ts';
import type { PlayedStores, StoreKind } from '../../../support/played-stores.ts';
import { pullOnce } from '../../../support/pulling.ts';

/** Responses that the real stores and emulators cannot be made to send. */
const PAGED: readonly StoreKind[] = ['s3', 'gs', 'azure'];
let stores: PlayedStores;
let puller: Puller;
beforeAll(async () => {
  stores = await startPlayedStores([['a', 'b'], ['c'], ['d']]);
  puller = testForkedPuller({
    env: stores.env,
    settings: { ...DEFAULT_SOURCE_SETTINGS, attemptsPerFile: 1 },
  });
});
afterEach(() => stores.replace(undefined));
afterAll(async () => {
  await puller.stop();
  await stores.stop();
});

describe.each(PAGED)('a paged listing (%s)', (kind) => {
  it('is read to its end', async () => {
    const { files } = await pullOnce(stores.uris[kind], { puller });
    expect([...files.keys()].sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each([
    ['an error of the store', '<Error><Code>InternalError</Code></Error>'],
    ['an error in JSON', '{"error":{"code":503}}'],
    ['a web page', '<html><body>busy</body></html>'],
    ['a list', '[]'],
    ['nothing', ''],
    ['text', 'upstream connect error'],
  ])('fails if a later page is %s with status 200', async (_what, text) => {
    for (const index of [0, 1, 2]) {
      stores.replace({ index, bytes: Buffer.from(text) });
      const { result } = await pullOnce(stores.uris[kind], { puller });
      expect(result).toMatchObject({ kind: 'failed', reason: 'SourceUnavailable', retry: 'soon' });
    }
  });

  it.each([
    ['refers to itself', 1, 'p2', 'p1'],
    ['refers to an earlier one', 2, 'p2', 'p1'],
  ])('fails if a page %s', async (_what, index, from, to) => {
    const page = (stores.pages(kind)[1] ?? Buffer.alloc(0)).toString().replace(from, to);
    stores.replace({ index, bytes: Buffer.from(page) });
    const { result } = await pullOnce(stores.uris[kind], { puller });
    expect(result).toMatchObject({ kind: 'failed', reason: 'SourceUnavailable', retry: 'soon' });
  });

  it('fails if it is truncated', async () => {
    const page = stores.pages(kind)[2] ?? Buffer.alloc(0);
    for (let length = 0; length < page.length; length += 23) {
      stores.replace({ index: 2, bytes: page.subarray(0, length) });
      const { result } = await pullOnce(stores.uris[kind], { puller });
      expect([length, result]).toEqual([length, expect.objectContaining({ kind: 'failed', retry: 'soon' })]);
    }
  });
});
