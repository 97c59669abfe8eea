import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mlserverSettings } from '../../../src/agent/model-server/mlserver-settings.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { systemClock } from '../../../src/system/clock.ts';

describe("MLServer's settings files", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-settings-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  const make = async (name: string, settings?: string) => {
    await mkdir(join(root, name));
    if (settings !== undefined) await writeFile(join(root, name, 'model-settings.json'), settings);
  };
  const load = (name: string, framework = 'sklearn', work = () => Promise.resolve('done')) =>
    settings.during(name, join(root, name), framework, work);
  let settings: ReturnType<typeof mlserverSettings>;
  beforeEach(() => {
    settings = mlserverSettings(root, systemClock);
  });

  it.each([
    [
      'none, known framework',
      undefined,
      'sklearn',
      { implementation: 'mlserver_sklearn.SKLearnModel', name: 'm' },
    ],
    ['none, unknown framework', undefined, 'other', { name: 'm' }],
    [
      'of another name',
      '{"name":"x","implementation":"a.B"}',
      'sklearn',
      { implementation: 'a.B', name: 'm' },
    ],
    ['without a name', '{"implementation":"a.B"}', 'sklearn', { implementation: 'a.B', name: 'm' }],
    ['of its own', '{"name":"m"}', 'sklearn', { name: 'm' }],
  ])('an artifact with settings %s', async (_name, before, framework, after) => {
    await make('m', before);
    await load('m', framework);
    expect(JSON.parse(await readFile(join(root, 'm', 'model-settings.json'), 'utf8'))).toEqual(after);
  });

  it('leaves settings that it cannot read to the server', async () => {
    await make('m', 'no json');
    await load('m');
    expect(await readFile(join(root, 'm', 'model-settings.json'), 'utf8')).toBe('no json');
  });

  const visible = async (names: readonly string[]) => {
    const seen = await Promise.all(
      names.map(async (name) => [name, await readdir(join(root, name))] as const),
    );
    return seen.filter(([, files]) => files.includes('model-settings.json')).map(([name]) => name);
  };

  it('shows in a batch those being loaded, always, and in the end all', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `m${index}`);
    for (const name of names) await make(name, JSON.stringify({ name }));
    const missing: string[] = [];
    const queue = names.values();
    const worker = async () => {
      for (const name of queue) {
        await load(name, 'sklearn', async () => {
          for (let look = 0; look < 3; look++) {
            const now = await visible(names);
            if (!now.includes(name)) missing.push(name);
          }
          return 'done';
        });
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    expect(missing).toEqual([]);
    expect(settings.hidden()).toBe(true);
    await eventuallyTrue(
      'all are shown',
      async () => !settings.hidden() && (await visible(names)).length === 40,
    );
  });

  it('shows what a killed agent left hidden', async () => {
    await make('m');
    await writeFile(join(root, 'm', '.model-settings.json'), '{"name":"m"}');
    await settings.showAll();
    expect(await readdir(join(root, 'm'))).toEqual(['model-settings.json']);
  });

  it('is not put off by a file among the directories', async () => {
    await writeFile(join(root, 'stray'), '');
    await make('n');
    await writeFile(join(root, 'n', '.model-settings.json'), '{"name":"n"}');
    await settings.showAll();
    expect(await readdir(join(root, 'n'))).toEqual(['model-settings.json']);
  });
});
