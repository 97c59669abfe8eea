import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelStore } from '../../../src/agent/model-store.ts';
import { openModelStore } from '../../../src/agent/model-store.ts';
import type { ModelSpec } from '../../../src/contract/model-config.ts';
import { markerContent, markerName, specHash } from '../../../src/contract/model-marker.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

const spec = (version: string): ModelSpec => ({
  storageUri: `s3://b/${version}`,
  framework: 'sklearn',
  memory: '1',
});
const [A, B] = [spec('a'), spec('b')];

describe('the model directory', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-store-'));
  });
  const stores: ModelStore[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await rm(root, { recursive: true, force: true });
  });

  const opened = async () => {
    const store = await openModelStore(root, systemClock);
    stores.push(store);
    return { store, found: await store.recover() };
  };
  const directories = async () =>
    (await readdir(root, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  /** A download as the puller leaves it. */
  async function fetched(store: ModelStore, version: ModelSpec): Promise<string> {
    const path = await store.newStagingPath('m');
    await mkdir(path);
    await writeFile(join(path, 'weights'), version.storageUri);
    return path;
  }
  const put = async (store: ModelStore, version: ModelSpec, keep: boolean) => {
    await store.install('m', await fetched(store, version), keep);
    await store.commit('m', version);
  };

  it('keeps its control directory in the turn in which a load may be requested', async () => {
    const { store } = await opened();
    await store.install('m', await fetched(store, A), false);
    expect(existsSync(join(root, '.kserve-mms'))).toBe(true);
    await store.commit('m', A);
    expect(existsSync(join(root, '.kserve-mms'))).toBe(false);
  });

  /** A server that starts with this directory as its repository must find only models in it. */
  it.each<[string, (store: ModelStore) => Promise<void>, string[]]>([
    ['opened', () => Promise.resolve(), []],
    ['a model put in place', (store) => put(store, A, false), ['m']],
    ['a failed download', async (store) => store.discard(await store.newStagingPath('m')), []],
    ['a download that is no longer wanted', async (store) => store.discard(await fetched(store, A)), []],
    [
      'a model removed',
      async (store) => {
        await put(store, A, false);
        await put(store, B, true);
        await store.remove('m');
      },
      [],
    ],
    [
      'a loaded update',
      async (store) => {
        await put(store, A, false);
        await put(store, B, true);
        await store.discardPrevious('m');
      },
      ['m'],
    ],
    [
      'a reverted update',
      async (store) => {
        await put(store, A, false);
        await put(store, B, true);
        await store.goBack('m');
      },
      ['m'],
    ],
    [
      'several at once',
      async (store) => {
        const others = Array.from({ length: 20 }, () =>
          fetched(store, A).then((path) => store.discard(path)),
        );
        await Promise.all([put(store, A, false), ...others]);
      },
      ['m'],
    ],
  ])('contains only models: %s', async (_name, work, expected) => {
    const { store } = await opened();
    await work(store);
    expect(await directories()).toEqual(expected);
  });

  it('keeps its own directory while it is used', async () => {
    const { store } = await opened();
    await put(store, A, false);
    const staged = await fetched(store, B);
    await put(store, B, true);
    await store.discardPrevious('m');
    expect(await directories()).toEqual(['.kserve-mms', 'm']);
    await store.discard(staged);
    expect(await directories()).toEqual(['m']);
  });

  describe('after the agent was killed', () => {
    it('removes an incomplete download', async () => {
      const { store } = await opened();
      await fetched(store, A);
      expect((await opened()).found).toEqual(new Map());
      expect(await directories()).toEqual([]);
    });

    it('ignores a version that is not committed', async () => {
      const { store } = await opened();
      await store.install('m', await fetched(store, A), false);
      expect((await opened()).found).toEqual(new Map());
      await store.commit('m', A);
      expect((await opened()).found.get('m')).toMatchObject({ stored: A });
      expect(await readFile(join(root, 'm', markerName(A)), 'utf8')).toBe(markerContent(A));
    });

    it('has the previous version if the agent ended before the next one was committed', async () => {
      const { store } = await opened();
      await put(store, A, false);
      await store.install('m', await fetched(store, B), true);
      expect((await opened()).found.get('m')).toMatchObject({ stored: undefined, previous: A });
    });

    it('knows which version was loaded', async () => {
      const { store } = await opened();
      await put(store, A, false);
      await store.noteLoaded('m', A);
      const expected = { stored: A, previous: undefined, parked: false, loadedHash: specHash(A) };
      expect((await opened()).found.get('m')).toEqual(expected);
    });

    it('knows that a version installed since is not loaded', async () => {
      const { store } = await opened();
      await put(store, A, false);
      await store.noteLoaded('m', A);
      await put(store, B, true);
      expect((await opened()).found.get('m')).toEqual({
        stored: B,
        previous: A,
        parked: false,
        loadedHash: undefined,
      });
      // Neither is the previous version after it is restored, because the server may have been given the
      // other one.
      await store.goBack('m');
      expect((await opened()).found.get('m')).toEqual({
        stored: A,
        previous: undefined,
        parked: false,
        loadedHash: undefined,
      });
    });

    it('restores the previous version if the new one was not in place', async () => {
      const { store } = await opened();
      await put(store, A, false);
      await store.noteLoaded('m', A);
      await put(store, B, true);
      await rm(store.pathOf('m'), { recursive: true });
      const expected = { stored: A, previous: undefined, parked: false, loadedHash: undefined };
      expect((await opened()).found.get('m')).toEqual(expected);
      expect(await directories()).toEqual(['m']);
    });
  });
});
