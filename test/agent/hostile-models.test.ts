import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { allLoaded } from '../support/agent.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { agentScene } from '../support/agent-scene.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { configured } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';
import { tar } from '../support/tar-writer.ts';

/** A .tar.gz of some 600 kB that holds so many empty files. */
function emptyFiles(count: number): Buffer {
  return gzipSync(tar(Array.from({ length: count }, (_, index) => ({ name: `f${index}` }))));
}

describe('a model that is made to do harm', () => {
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

  it('100,050 empty files: it says LimitExceeded, and a slow download beside it comes through', async () => {
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
    expect(source.requests.filter((path) => path === '/slow/weights.txt')).toHaveLength(1);
  });

  it('50,000 files: they go without memory that grows with them, while requests are answered', async () => {
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
    // Seen: 4. Node's own rm took 100.
    expect(peakMib - before).toBeLessThan(40);
    expect((await readdir(modelDir)).sort()).toEqual(['.kserve-mms-loaded.jsonl', 'other']);
  });

  it('300 loads that hang: few run at once, and one that is well comes through', async () => {
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
    // Twice --loads, and one more for each ever longer wait; it was eight more each second.
    expect(most).toBeLessThanOrEqual(30);
    await agent.kill('SIGKILL');
  });
});
