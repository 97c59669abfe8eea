import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mlserverSettings } from '../../../src/agent/model-server/mlserver-settings.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

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
    settings = mlserverSettings(root, systemClock, () => false);
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

  /** The `name` in each file after a load as `m`, or `-` without a file. */
  it.each<[string, Record<string, string>, Record<string, unknown>]>([
    [
      'two versions below the top',
      { 'versions/v1': 'x', 'versions/v2': 'x' },
      { 'versions/v1': 'm', 'versions/v2': 'm', '': '-' },
    ],
    ['the model’s name below the top', { 'a/v1': 'm', 'a/v2': 'm' }, { 'a/v1': 'm', 'a/v2': 'm', '': '-' }],
    ['one directory at the top', { model: 'x' }, { model: 'm', '': '-' }],
    ['other models beside the model’s own', { a: 'm', b: 'x' }, { a: 'm', b: 'x', '': '-' }],
    [
      'the top and another name below',
      { '': 'x', 'examples/iris': 'iris' },
      { '': 'm', 'examples/iris': 'iris' },
    ],
    ['the top and versions of its name', { '': 'x', v1: 'x' }, { '': 'm', v1: 'm' }],
    ['several names, none of them that of the model', { a: 'x', b: 'y' }, { a: 'x', b: 'y', '': '-' }],
    ['a hidden directory, which MLServer ignores', { '.cache/x': 'x' }, { '.cache/x': 'x', '': 'm' }],
  ])('an artifact with settings in %s', async (_name, before, after) => {
    await mkdir(join(root, 'm'));
    for (const [way, name] of Object.entries(before)) {
      await mkdir(join(root, 'm', way), { recursive: true });
      await writeFile(
        join(root, 'm', way, 'model-settings.json'),
        JSON.stringify({ name, implementation: 'a.B' }),
      );
    }
    for (let round = 0; round < 2; round += 1) {
      await load('m');
      for (const [way, name] of Object.entries(after)) {
        const text = await readFile(join(root, 'm', way, 'model-settings.json'), 'utf8').catch(
          () => '{"name":"-"}',
        );
        expect([way, (JSON.parse(text) as { name: string }).name]).toEqual([way, name]);
      }
    }
  });

  it('an archive with one directory without settings: sets the URI of the model', async () => {
    await mkdir(join(root, 'm/outer/inner'), { recursive: true });
    await writeFile(join(root, `m/SUCCESS.${'0'.repeat(64)}`), '{}');
    await writeFile(join(root, 'm/outer/inner/model.joblib'), '');
    await load('m');
    expect(JSON.parse(await readFile(join(root, 'm', 'model-settings.json'), 'utf8'))).toEqual({
      name: 'm',
      implementation: 'mlserver_sklearn.SKLearnModel',
      parameters: { uri: './outer/inner' },
    });
  });

  it.each([
    ['one file with another name', ['iris.joblib'], 'sklearn', './iris.joblib'],
    ['one file with another name, in a directory', ['outer/iris.pkl'], 'SKLearn', './outer/iris.pkl'],
    ['one file without an extension', ['booster'], 'xgboost', './booster'],
    ['one file with a name that MLServer finds', ['model.pkl'], 'sklearn', undefined],
    ['two files', ['iris.joblib', 'README.md'], 'sklearn', undefined],
    ['a file and a directory', ['iris.joblib', 'more/x'], 'sklearn', undefined],
    ['one file of a framework whose models are directories', ['MLmodel'], 'mlflow', undefined],
    ['one file of an unknown framework', ['iris.joblib'], 'other', undefined],
  ])(
    '%s, without settings: sets the URI if MLServer does not find the file',
    async (_is, files, framework, uri) => {
      for (const file of files) {
        await mkdir(join(root, 'm', dirname(file)), { recursive: true });
        await writeFile(join(root, 'm', file), '');
      }
      await load('m', framework);
      const written = JSON.parse(await readFile(join(root, 'm', 'model-settings.json'), 'utf8')) as object;
      expect(written).toMatchObject({ name: 'm' });
      expect((written as { parameters?: unknown }).parameters).toEqual(
        uri === undefined ? undefined : { uri },
      );
    },
  );

  it('settings that are a link, or whose new file is a link: does not write or copy its target', async () => {
    await writeFile(join(root, 'secret.json'), '{"key":"s3cr3t"}');
    for (const name of ['model-settings.json', 'model-settings.json.new']) {
      await mkdir(join(root, 'm'));
      await symlink(join(root, 'secret.json'), join(root, 'm', name));
      await load('m');
      expect(await readFile(join(root, 'secret.json'), 'utf8')).toBe('{"key":"s3cr3t"}');
      const info = await lstat(join(root, 'm/model-settings.json'));
      if (!info.isSymbolicLink()) {
        expect(await readFile(join(root, 'm/model-settings.json'), 'utf8')).not.toContain('s3cr3t');
      }
      await rm(join(root, 'm'), { recursive: true });
    }
  });

  it('keeps a file of the artifact with the name for hidden settings', async () => {
    await make('m', '{"name":"m"}');
    await writeFile(join(root, 'm/.model-settings.json'), '{"name":"hidden"}');
    await settings.showAll();
    await load('m');
    expect(await readFile(join(root, 'm/model-settings.json'), 'utf8')).toBe('{"name":"m"}');
  });

  it('leaves unreadable settings to the server', async () => {
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

  it('shows the settings of loading models during a batch, and all of them at the end', async () => {
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

  it('shows the settings that a killed agent left hidden', async () => {
    await make('m');
    await writeFile(join(root, 'm', '.model-settings.json'), '{"name":"m"}');
    await settings.showAll();
    expect(await readdir(join(root, 'm'))).toEqual(['model-settings.json']);
  });

  it('ignores a file among the directories', async () => {
    await writeFile(join(root, 'stray'), '');
    await make('n');
    await writeFile(join(root, 'n', '.model-settings.json'), '{"name":"n"}');
    await settings.showAll();
    expect(await readdir(join(root, 'n'))).toEqual(['model-settings.json']);
  });
});
