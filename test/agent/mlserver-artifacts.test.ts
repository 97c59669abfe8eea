import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { allLoaded, startAgent } from '../support/agent.ts';
import type { TestAgent } from '../support/agent.ts';
import { startModelSource } from '../support/model-source.ts';
import type { ModelSource } from '../support/model-source.ts';
import { startMlserver, testMlserver, train } from '../support/mlserver.ts';
import type { TestMlserver } from '../support/mlserver.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import type { MountedConfig } from '../support/mounted-config.ts';
import { predict } from '../support/served-versions.ts';
import { tar } from '../support/tar-writer.ts';
import { zip } from '../support/zip-writer.ts';

/** The content of an artifact: settings, or the number that a model answers. */
type Content = Readonly<Record<string, object | number>>;

const SKLEARN = 'mlserver_sklearn.SKLearnModel';
const settings = (name: string | undefined, uri: string, version?: string) => ({
  ...(name !== undefined && { name }),
  implementation: SKLEARN,
  parameters: { uri, ...(version !== undefined && { version }) },
});
const SETTINGS = 'model-settings.json';
const MODEL = 'model.joblib';
const APPLE = Buffer.from('\0\x05\x16\x07\0\x02\0\0Mac OS X        ');

/** Each artifact with the answers of its model and its versions. */
const ARTIFACTS: readonly (readonly [
  what: string,
  content: Content,
  expected: Readonly<Record<string, unknown>>,
  how?: 'zip' | 'zip of a Mac',
])[] = [
  [
    'settings three directories down, for three versions',
    Object.fromEntries(
      [1, 2, 3].flatMap((version) => [
        [`a/b/v${version}/${SETTINGS}`, settings('theirs', `./${MODEL}`, `v${version}`)],
        [`a/b/v${version}/${MODEL}`, version],
      ]),
    ),
    { '/versions/v1': 1, '/versions/v2': 2, '/versions/v3': 3 },
  ],
  [
    'settings at the top, and of another version below',
    {
      [SETTINGS]: settings('theirs', './one/model.joblib', 'v1'),
      [`one/${MODEL}`]: 1,
      [`two/${SETTINGS}`]: settings('theirs', `./${MODEL}`, 'v2'),
      [`two/${MODEL}`]: 2,
    },
    { '/versions/v1': 1, '/versions/v2': 2 },
  ],
  [
    'settings at the top without a version, and of another name below',
    {
      [SETTINGS]: settings('theirs', `./${MODEL}`),
      [MODEL]: 2,
      [`helper/${SETTINGS}`]: settings('helper-of-it', `./${MODEL}`),
      [`helper/${MODEL}`]: 3,
    },
    { '': 2 },
  ],
  [
    'settings that lead to a file beside them and above',
    {
      [`conf/v1/${SETTINGS}`]: settings('theirs', `../../data/${MODEL}`, 'v1'),
      [`data/${MODEL}`]: 1,
      [`conf/v2/${SETTINGS}`]: settings('theirs', `../../data/sub/${MODEL}`, 'v2'),
      [`data/sub/${MODEL}`]: 2,
    },
    { '/versions/v1': 1, '/versions/v2': 2 },
  ],
  [
    'settings without a name',
    { [`inner/${SETTINGS}`]: settings(undefined, `./${MODEL}`), [`inner/${MODEL}`]: 3 },
    { '': 3 },
  ],
  [
    "settings of other names, and of the model's",
    {
      [`a/${SETTINGS}`]: settings('other', `./${MODEL}`),
      [`a/${MODEL}`]: 1,
      [`b/${SETTINGS}`]: settings('named', `./${MODEL}`),
      [`b/${MODEL}`]: 2,
    },
    { '': 2 },
  ],
  ['one directory', { [`outer/${MODEL}`]: 1 }, { '': 1 }],
  ['a directory in a directory', { [`outer/inner/${MODEL}`]: 2 }, { '': 2 }],
  ['one directory, with another name for the model', { 'outer/iris.joblib': 3 }, { '': 3 }],
  ['one directory', { [`outer/${MODEL}`]: 1 }, { '': 1 }, 'zip'],
  [
    'one directory with settings',
    { [`outer/${SETTINGS}`]: settings('theirs', `./${MODEL}`), [`outer/${MODEL}`]: 2 },
    { '': 2 },
    'zip',
  ],
  ['one directory', { [`outer/${MODEL}`]: 3 }, { '': 3 }, 'zip of a Mac'],
  [
    'one directory with settings for two versions',
    {
      [`outer/v1/${SETTINGS}`]: settings('theirs', `./${MODEL}`, 'v1'),
      [`outer/v1/${MODEL}`]: 1,
      [`outer/v2/${SETTINGS}`]: settings('theirs', `./${MODEL}`, 'v2'),
      [`outer/v2/${MODEL}`]: 2,
    },
    { '/versions/v1': 1, '/versions/v2': 2 },
    'zip of a Mac',
  ],
];

describe('artifacts with settings or a model below the top, in a real MLServer', () => {
  let root: string;
  let config: MountedConfig;
  let server: TestMlserver;
  let files: ModelSource;
  let agent: TestAgent;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-artifacts-'));
    const modelDir = join(root, 'models');
    config = await mountConfig(join(root, 'configs'));
    server = await startMlserver(modelDir);
    files = await startModelSource();
    const { python } = await testMlserver();
    const trained = new Map<number, Buffer>();
    for (const answer of [1, 2, 3]) trained.set(answer, await train(python, answer));
    for (const [index, [, content, , how]] of ARTIFACTS.entries()) {
      const entries = Object.entries(content).map(([name, what]) => ({
        name,
        body: typeof what === 'number' ? trained.get(what)! : JSON.stringify(what),
      }));
      const packed =
        how === undefined ? gzipSync(tar(entries)) : zip(how === 'zip' ? entries : asOnMac(entries));
      files.misbehave(pathOf(index), (_request, response) => response.end(packed));
    }
    await config.writeModels(
      ARTIFACTS.map((_, index) => configured(nameOf(index), `${files.origin}${pathOf(index)}`)),
    );
    const probe = { httpGet: { path: '/v2/health/ready', port: server.port } };
    const env = { SERVING_READINESS_PROBE: JSON.stringify(probe) };
    agent = await startAgent({ configDir: config.directory, modelDir, componentPort: server.port, env });
    await agent.until(allLoaded(ARTIFACTS.length), 100_000);
  }, 300_000);
  afterAll(async () => {
    await agent.kill('SIGKILL');
    await server.kill('SIGKILL');
    await files.stop();
    await rm(root, { recursive: true, force: true });
  });

  it.each(ARTIFACTS.map(([what, , expected, how = 'tgz'], index) => [what, how, index, expected] as const))(
    'load: %s (%s)',
    async (_what, _how, index, expected) => {
      for (const [version, answer] of Object.entries(expected))
        expect([version, await predict(agent, `${nameOf(index)}${version}`)]).toEqual([version, answer]);
      expect(await predict(agent, 'theirs')).toBe('status 404');
    },
  );

  function nameOf(index: number): string {
    return JSON.stringify(ARTIFACTS[index]?.[1]).includes('"named"') ? 'named' : `m${index}`;
  }

  function pathOf(index: number): string {
    return `/m${index}.${ARTIFACTS[index]?.[3] === undefined ? 'tgz' : 'zip'}`;
  }
});

/** The files that the macOS Finder adds to an archive. */
function asOnMac(entries: readonly { name: string; body: string | Buffer }[]): typeof entries {
  const forks = entries.map(({ name }) => ({
    name: `__MACOSX/${name.replace(/([^/]+)$/, '._$1')}`,
    body: APPLE,
  }));
  return [...entries, { name: 'outer/.DS_Store', body: APPLE }, ...forks];
}
