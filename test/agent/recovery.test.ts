import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allLoaded } from '../support/agent.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { agentScene } from '../support/agent-scene.ts';
import { configured } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';
import { seededRandom } from '../support/seeded-random.ts';

describe('recovery', () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  const names = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

  it('loads 200 models again after a kill of the model server', async () => {
    const { config, source, server } = scene;
    await config.writeModels(names(200).map((name) => configured(name, source.uri(name))));
    const agent = await scene.start();
    await agent.until(allLoaded(200));
    await server.crash();
    await agent.until(({ modelServer }) => modelServer.state === 'down');
    expect((await agent.status()).models.filter(({ phase }) => phase === 'Loaded')).toEqual([]);
    const answered = performance.now();
    await server.restart();
    await agent.until(allLoaded(200));
    report('200 models after a restart of the model server', { reloadedMs: performance.now() - answered });
    expect(server.loaded.size).toBe(200);
    // No model was fetched a second time.
    expect(source.requests).toHaveLength(200);
  });

  it('notices a model server that restarts faster than the agent polls', async () => {
    const { config, source, server } = scene;
    await config.writeModels(names(20).map((name) => configured(name, source.uri(name))));
    const agent = await scene.start();
    await agent.until(allLoaded(20));
    await server.crash();
    await server.restart();
    await agent.until(() => server.loaded.size === 20);
  });

  it('keeps the loaded models when only the agent restarts', async () => {
    const { config, source, server } = scene;
    await config.writeModels(names(20).map((name) => configured(name, source.uri(name))));
    const first = await scene.start();
    await first.until(allLoaded(20));
    await first.kill('SIGKILL');
    const second = await scene.start();
    await second.until(allLoaded(20));
    expect(server.loads).toHaveLength(20);
    expect(source.requests).toHaveLength(20);
  });

  it('applies changes from the time when it was down', async () => {
    const { config, source, server } = scene;
    await config.writeModels(['stays', 'changes', 'goes'].map((name) => configured(name, source.uri(name))));
    const first = await scene.start();
    await first.until(allLoaded(3));
    await first.kill('SIGKILL');
    await config.writeModels([
      configured('stays', source.uri('stays')),
      configured('changes', source.uri('changed')),
      configured('comes', source.uri('comes')),
    ]);
    const second = await scene.start();
    await second.until((status) => allLoaded(3)(status) && !server.loaded.has('goes'));
    expect(Object.fromEntries(server.loaded)).toEqual({ stays: 'stays', changes: 'changed', comes: 'comes' });
    expect((await readdir(scene.modelDir)).filter((name) => !name.startsWith('.')).sort()).toEqual([
      'changes',
      'comes',
      'stays',
    ]);
  });

  it('keeps the loaded models when models.json is broken at start', async () => {
    const { config, source, server } = scene;
    await config.writeModels([configured('a', source.uri('a'))]);
    const first = await scene.start();
    await first.until(allLoaded(1));
    await first.kill('SIGKILL');
    await config.write('[{"modelName":"a","modelSp');
    await server.crash();
    await server.restart();
    const second = await scene.start();
    const status = await second.until((now) => allLoaded(1)(now) && now.config.state === 'faulty');
    expect(status.config.message).toContain('models.json');
    expect(server.unloads).toEqual([]);
  });

  it('never marks or loads a partial model when the agent is killed at any time', async () => {
    const { config, source, server } = scene;
    const content = 'x'.repeat(64 * 1024);
    for (const name of names(8)) {
      source.misbehave(`/${name}/weights.txt`, (_request, response) => {
        response.writeHead(200, { 'content-length': content.length });
        for (let part = 0; part < 8; part++) {
          setTimeout(() => response.write(content.slice(0, 8 * 1024)), part * 10);
        }
      });
    }
    await config.writeModels(
      names(8).map((name) => configured(name, `${source.origin}/${name}/weights.txt`)),
    );
    const random = seededRandom(7);
    let complete = 0;
    for (let round = 0; round < 50; round++) {
      const agent = await scene.start();
      await sleep(random() * 250);
      await agent.kill('SIGKILL');
      for (const name of (await readdir(scene.modelDir)).filter((entry) => !entry.startsWith('.'))) {
        const files = await readdir(join(scene.modelDir, name));
        if (!files.some((file) => file.startsWith('SUCCESS.'))) continue;
        complete += 1;
        expect((await readFile(join(scene.modelDir, name, 'weights.txt'))).length).toBe(content.length);
      }
    }
    expect(server.loads.filter((load) => load.content?.length !== content.length)).toEqual([]);
    report('50 agents killed', { loads: server.loads.length, markedTreesSeen: complete });
    const last = await scene.start();
    await last.until(allLoaded(8));
  }, 180_000);
});
