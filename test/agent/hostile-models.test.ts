import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { markerContent, markerName } from '../../src/contract/model-marker.ts';
import { allLoaded } from '../support/agent.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { agentScene } from '../support/agent-scene.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { configured } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';
import { tar } from '../support/tar-writer.ts';

/** A .tar.gz of this many empty files; 100,000 take about 600 kB. */
function emptyFiles(count: number): Buffer {
  return gzipSync(tar(Array.from({ length: count }, (_, index) => ({ name: `f${index}` }))));
}

describe('a malicious model', () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  const archive = (name: string, content: Buffer): string => {
    scene.source.misbehave(`/${name}/model.tar.gz`, (_request, response) => {
      response.setHeader('content-length', content.length);
      response.end(content);
    });
    return `${scene.source.origin}/${name}/model.tar.gz`;
  };

  it('100,050 empty files: fails with LimitExceeded, and a slow download beside it succeeds', async () => {
    const { config, source } = scene;
    const slow = 4_000;
    source.misbehave('/slow/weights.txt', (_request, response) => {
      response.write('sl');
      setTimeout(() => response.end('ow'), slow);
    });
    await config.writeModels([
      configured('bad', archive('bad', emptyFiles(100_050))),
      configured('slow', source.uri('slow')),
    ]);
    const agent = await scene.start();
    const reason = (name: string) => async () => (await agent.model(name))?.reason;
    await eventually(async () => expect(await reason('bad')()).toBe('LimitExceeded'), 60_000);
    await agent.until(({ models }) =>
      models.some(({ name, phase }) => name === 'slow' && phase === 'Loaded'),
    );
    expect(agent.log.filter((line) => line.includes('the puller ended'))).toEqual([]);
    // One request by the agent, which leaves an answer without a length to the puller process, and one by that
    // process.
    expect(source.requests.filter((path) => path === '/slow/weights.txt')).toHaveLength(2);
  });

  it('50,000 files: removing them needs constant memory, and requests are answered meanwhile', async () => {
    const { config, source, modelDir } = scene;
    await config.writeModels([
      configured('large', archive('large', emptyFiles(50_000))),
      configured('other', source.uri('other')),
    ]);
    const agent = await scene.start();
    await agent.until(allLoaded(2), 90_000);
    const before = await agent.rss();
    await config.writeModels([configured('other', source.uri('other'))]);
    let [peakMib, longestMs, answered] = [0, 0, 0];
    const gone = async (): Promise<boolean> =>
      (await agent.status()).models.length === 1 && !(await readdir(modelDir)).includes('.kserve-mms');
    while (!(await gone())) {
      const began = performance.now();
      expect(await scene.infer(agent, 'other')).toBe('other');
      longestMs = Math.max(longestMs, performance.now() - began);
      answered += 1;
      peakMib = Math.max(peakMib, await agent.rss());
    }
    report('removal of a model of 50,000 files', { beforeMib: before, peakMib, longestMs, answered });
    // Measured: 4. Node's own rm took 100.
    expect(peakMib - before).toBeLessThan(40);
    expect((await readdir(modelDir)).sort()).toEqual(['.kserve-mms-loaded.jsonl', 'other']);
  });

  it('300 loads that hang: few run at once, and a healthy one succeeds', async () => {
    const { config, source, server } = scene;
    let [running, most] = [0, 0];
    server.behave = (name) => {
      if (name === 'well') return Promise.resolve(undefined);
      running += 1;
      most = Math.max(most, running);
      return new Promise(() => undefined);
    };
    const hanging = (count: number) =>
      Array.from({ length: count }, (_, index) => configured(`hangs-${index}`, source.uri(`h${index}`)));
    await config.writeModels(hanging(18));
    const agent = await scene.start();
    await eventuallyTrue('twice --loads hang', () => most >= 16);
    await config.writeModels([...hanging(18), configured('well', source.uri('well'))]);
    await eventuallyTrue('the one that is well is loaded', () => server.loaded.has('well'));
    await config.writeModels([...hanging(300), configured('well', source.uri('well'))]);
    const end = performance.now() + 10_000;
    await eventuallyTrue('there was time for many more', () => performance.now() > end);
    report('300 loads that hang, after 10 s', { most });
    // Twice --loads, and one more after each longer wait. It was eight more each second before.
    expect(most).toBeLessThanOrEqual(30);
    await agent.kill('SIGKILL');
  });

  describe('an artifact made of another agent’s model directory', () => {
    const spec = { storageUri: 's3://theirs/m', framework: 'sklearn', memory: '1Gi' };
    const files = [
      { name: 'weights.txt', body: 'theirs' },
      { name: 'SUCCESS.0123', body: '{}' },
      { name: 'SUCCESS.md', body: 'how it went' },
      { name: markerName(spec), body: markerContent(spec) },
      { name: `SUCCESS.${'0'.repeat(64)}/inner`, body: '' },
      { name: 'inner/SUCCESS.0123', body: '{}' },
    ];

    it('loads; a restarted agent keeps it without fetching or loading it, and removes it when it is removed from models.json', async () => {
      const { config, source, server, modelDir } = scene;
      await config.writeModels([configured('m', archive('m', gzipSync(tar(files))))]);
      const first = await scene.start();
      await first.until(allLoaded(1));
      const [marker, ...others] = (await readdir(join(modelDir, 'm'))).sort((a, b) => b.length - a.length);
      expect(marker).toMatch(/^SUCCESS\.[0-9a-f]{64}$/);
      expect(marker).not.toBe(markerName(spec));
      expect(others.sort()).toEqual(['SUCCESS.0123', 'SUCCESS.md', 'inner', 'weights.txt']);
      await first.kill('SIGKILL');
      const second = await scene.start();
      await second.until(allLoaded(1));
      expect([source.requests.length, server.loads.length]).toEqual([1, 1]);
      await second.kill('SIGKILL');
      await config.writeModels([]);
      const third = await scene.start();
      await eventuallyTrue('it is unloaded', () => server.loaded.size === 0);
      await eventuallyTrue('its directory is gone', async () => !(await readdir(modelDir)).includes('m'));
      await third.kill('SIGKILL');
    });
  });
});

describe('links and pipes that the model server’s container puts into the model directory', () => {
  let scene: AgentScene;
  let outside: string;
  beforeEach(async () => {
    scene = await agentScene();
    outside = await mkdtemp(join(tmpdir(), 'kserve-mms-outside-'));
    await mkdir(join(outside, 'staging'));
    await mkdir(join(outside, 'previous/m'), { recursive: true });
    await writeFile(join(outside, 'secret'), 'as it was');
    await mkdir(scene.modelDir, { recursive: true });
  });
  afterEach(async () => {
    await scene.end();
    await rm(outside, { recursive: true, force: true });
  });

  const link = (place: string, target: string) => async () => {
    const path = join(scene.modelDir, place);
    await rm(path, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(outside, target), path);
  };
  const pipe = (place: string) => async () => {
    const path = join(scene.modelDir, place);
    await rm(path, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    execFileSync('mkfifo', [path]);
  };
  const PLANTS: [string, () => () => Promise<void>][] = [
    ['the agent’s directory a link', () => link('.kserve-mms', '')],
    ['its staging a link', () => link('.kserve-mms/staging', 'staging')],
    ['its trash and previous links', () => link('.kserve-mms/trash', '')],
    ['its previous a link', () => link('.kserve-mms/previous', 'previous')],
    ['its directory a pipe', () => pipe('.kserve-mms')],
    ['the model a link to a directory', () => link('m', '')],
    ['the model a link to a file', () => link('m', 'secret')],
    ['the notes a link', () => link('.kserve-mms-loaded.jsonl', 'secret')],
    ['the notes a pipe', () => pipe('.kserve-mms-loaded.jsonl')],
    ['the new notes a link', () => link('.kserve-mms-loaded.jsonl.new', 'secret')],
    ['a marker a pipe', () => pipe(`m/SUCCESS.${'0'.repeat(64)}`)],
    ['a marker a link', () => link(`m/SUCCESS.${'0'.repeat(64)}`, 'secret')],
  ];
  const listed = async () =>
    (await readdir(outside, { recursive: true })).sort().join(' ') +
    (await readFile(join(outside, 'secret'), 'utf8'));

  it.each(PLANTS)('%s: before the agent starts, and while it runs', async (_name, planting) => {
    const { config, source, server } = scene;
    const plant = planting();
    const before = await listed();
    await plant();
    await config.writeModels([configured('m', source.uri('one'))]);
    const agent = await scene.start();
    await agent.until(allLoaded(1));
    await plant();
    await config.writeModels([configured('m', source.uri('two')), configured('n', source.uri('n'))]);
    await eventuallyTrue('the update is loaded', () => server.loaded.get('m') === 'two');
    await agent.until(allLoaded(2));
    await plant();
    await config.writeModels([]);
    await agent.until(({ models }) => models.length === 0);
    expect(await listed()).toBe(before);
  });
});
