import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allLoaded } from '../support/agent.ts';
import type { TestAgent } from '../support/agent.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { agentScene } from '../support/agent-scene.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { configured } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';

describe('a changing models.json', () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  /** Starts an agent that serves version `one` of a model named m. */
  async function servingOne(): Promise<TestAgent> {
    await scene.config.writeModels([configured('m', scene.source.uri('one'))]);
    const agent = await scene.start();
    await agent.until(allLoaded(1));
    return agent;
  }

  it('replaces a model without a failed request', async () => {
    const agent = await servingOne();
    const answers: (string | number)[] = [];
    const enough = new AbortController();
    const asking = (async () => {
      while (!enough.signal.aborted) answers.push(await scene.infer(agent, 'm'));
    })();
    for (const version of ['two', 'three', 'four']) {
      await scene.config.writeModels([configured('m', scene.source.uri(version))]);
      await eventuallyTrue(`${version} answers`, () => answers.at(-1) === version);
    }
    enough.abort();
    await asking;
    expect(answers.filter((answer) => typeof answer === 'number')).toEqual([]);
    expect(scene.server.unloads).toEqual([]);
    report('requests during three updates', { answered: answers.length, failed: 0 });
  });

  it('keeps serving the old version while the new one cannot be fetched, and updates when it can', async () => {
    const agent = await servingOne();
    const { source, config } = scene;
    source.misbehave('/two/weights.txt', (_request, response) => response.writeHead(503).end());
    await config.writeModels([configured('m', source.uri('two'))]);
    const failed = await agent.until(({ models }) => models[0]?.phase === 'Failed');
    expect(failed.models[0]?.servingSpecHash).not.toBeNull();
    expect(await scene.infer(agent, 'm')).toBe('one');
    source.misbehave('/two/weights.txt', undefined);
    await agent.until(allLoaded(1));
    expect(await scene.infer(agent, 'm')).toBe('two');
  });

  it('returns to the previous version when the server refuses the new one', async () => {
    const agent = await servingOne();
    scene.server.behave = () => Promise.resolve({ status: 500, error: 'unpickling failed' });
    await scene.config.writeModels([configured('m', scene.source.uri('two'))]);
    const failed = await agent.until(({ models }) => models[0]?.phase === 'Failed');
    expect(failed.models[0]).toMatchObject({ reason: 'LoadFailed' });
    expect(failed.models[0]?.message).toContain('unpickling failed');
    expect(await scene.infer(agent, 'm')).toBe('one');
    // After a restart of the server now, it would load the version on disk that worked.
    scene.server.behave = () => Promise.resolve(undefined);
    await scene.server.crash();
    await scene.server.restart();
    await eventuallyTrue('some version is loaded', () => scene.server.loaded.has('m'));
    await agent.until(allLoaded(1));
    expect(await scene.infer(agent, 'm')).toBe('two');
  });

  it.each([
    [200, 'LoadFailed'],
    [503, 'ModelServerUnavailable'],
  ])('treats 503 to a load from a server with health %i as %s', async (health, reason) => {
    const agent = await servingOne();
    scene.server.health = health;
    scene.server.behave = () => Promise.resolve({ status: 503, error: 'Model with name m is not ready.' });
    await scene.config.writeModels([configured('m', scene.source.uri('two'))]);
    const failed = await agent.until(({ models }) => models[0]?.reason === reason);
    expect(failed.models[0]?.message).toContain('Model with name m is not ready.');
    expect(await scene.infer(agent, 'm')).toBe('one');
    scene.server.health = 200;
    scene.server.behave = () => Promise.resolve(undefined);
    await agent.until(allLoaded(1));
    expect(await scene.infer(agent, 'm')).toBe('two');
  });

  it('ends at A after A, B, A', async () => {
    const agent = await servingOne();
    await scene.config.writeModels([configured('m', scene.source.uri('two'))]);
    await eventuallyTrue('two answers', () => scene.server.loaded.get('m') === 'two');
    await scene.config.writeModels([configured('m', scene.source.uri('one'))]);
    await eventuallyTrue('one answers', () => scene.server.loaded.get('m') === 'one');
    await agent.until(allLoaded(1));
    expect(scene.server.loads.map(({ content }) => content)).toEqual(['one', 'two', 'one']);
  });

  it('unloads and removes deleted models, also the last', async () => {
    const agent = await servingOne();
    await scene.config.write('[]');
    await agent.until(({ models }) => models.length === 0);
    expect(await scene.infer(agent, 'm')).toBe(404);
    expect((await readdir(scene.modelDir)).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  const BROKEN: readonly (readonly [string, string, string])[] = [
    ['empty', '', 'is empty'],
    ['half written', '[{"modelName":"m","modelSpec":{"stor', 'is not JSON'],
    ['not a list', '{"modelName":"m"}', 'is not a JSON array'],
    [
      'a model twice',
      JSON.stringify([configured('m', 'http://127.0.0.1:1/x'), configured('m', 'http://127.0.0.1:1/y')]),
      '[1].modelName m is listed twice',
    ],
    ['a field missing', '[{"modelName":"m","modelSpec":{}}]', '[0].modelSpec.storageUri'],
    [
      'a name that leaves the directory',
      JSON.stringify([configured('../m', 'http://127.0.0.1:1/x')]),
      '"../m"',
    ],
    ['a hidden name', JSON.stringify([configured('.kserve-mms', 'http://127.0.0.1:1/x')]), '".kserve-mms"'],
  ];

  it.each(BROKEN)('%s: reports the error and keeps the last good set', async (_name, text, words) => {
    const agent = await servingOne();
    await scene.config.write(text);
    const status = await agent.until(({ config }) => config.state === 'faulty');
    expect(status.config.message).toContain(words);
    expect(await scene.infer(agent, 'm')).toBe('one');
    expect(scene.server.unloads).toEqual([]);
    await scene.config.writeModels([configured('n', scene.source.uri('n'))]);
    await agent.until(
      (now) => allLoaded(1)(now) && now.models[0]?.name === 'n' && now.config.state === 'good',
    );
  });

  it('notices a file that is written, renamed into place or removed, and a replaced directory', async () => {
    const directory = join(scene.modelDir, '../plain');
    const models = (name: string) => JSON.stringify([configured(name, scene.source.uri(name))]);
    const path = join(directory, 'models.json');
    const agent = await scene.start({ configDir: directory });
    const serves = (name: string) =>
      agent.until((now) => allLoaded(1)(now) && now.models[0]?.name === name && now.config.state === 'good');
    await mkdir(directory);
    await writeFile(path, models('written'));
    await serves('written');
    await writeFile(`${path}.new`, models('renamed'));
    await rename(`${path}.new`, path);
    await serves('renamed');
    await rm(path);
    await agent.until(({ config }) => config.state === 'faulty');
    expect(await scene.infer(agent, 'renamed')).toBe('renamed');
    await rename(directory, `${directory}.old`);
    await mkdir(directory);
    await writeFile(path, models('replaced'));
    await serves('replaced');
  });

  it('applies the last of 500 changes in 10 s, with one operation per model at a time', async () => {
    const agent = await servingOne();
    const names = ['m', 'n', 'o'];
    const began = performance.now();
    for (let change = 0; change < 500; change++) {
      const wanted = names.filter((_name, index) => (change >> index) % 2 === 0);
      const version = `v${change % 7}`;
      await scene.config.writeModels(wanted.map((name) => configured(name, scene.source.uri(version))));
      await sleep(Math.max(0, began + (change + 1) * 20 - performance.now()));
    }
    await scene.config.writeModels(names.map((name) => configured(name, scene.source.uri(`last-${name}`))));
    await agent.until(allLoaded(3));
    await eventuallyTrue('the last versions answer', () =>
      names.every((name) => scene.server.loaded.get(name) === `last-${name}`),
    );
    expect(scene.server.mostAtOnce()).toBe(1);
    report('500 changes', { loads: scene.server.loads.length, unloads: scene.server.unloads.length });
  });
});
