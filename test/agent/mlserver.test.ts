import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { allLoaded } from '../support/agent.ts';
import type { TestAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import type { TestMlserver } from '../support/mlserver.ts';
import { startMlserver, testMlserver, train } from '../support/mlserver.ts';
import type { MountedConfig } from '../support/mounted-config.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import { startModelSource } from '../support/model-source.ts';
import { report } from '../support/report.ts';
import { tar } from '../support/tar-writer.ts';
import type { TestS3 } from '../support/s3.ts';
import { startS3 } from '../support/s3.ts';
import {
  atVersion,
  expectUpdatesWithoutAFailedRequest,
  predict,
  startAgentFor,
  storeVersions,
} from '../support/served-versions.ts';

describe('a real MLServer and a real S3 server', () => {
  let root: string;
  let config: MountedConfig;
  let server: TestMlserver;
  let s3: TestS3;
  let agent: TestAgent;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-mlserver-'));
    const modelDir = join(root, 'models');
    config = await mountConfig(join(root, 'configs'));
    server = await startMlserver(modelDir);
    s3 = await startS3();
    await storeVersions(s3, (await testMlserver()).python);
    await config.write('[]');
    agent = await startAgentFor(server, s3, { configDir: config.directory, modelDir });
  }, 300_000);
  afterAll(async () => {
    await agent.kill('SIGKILL');
    await server.kill('SIGKILL');
    await s3.stop();
    await rm(root, { recursive: true, force: true });
  });

  it('loads a plain model.joblib and predicts', async () => {
    await config.writeModels([atVersion('a', 'v1'), atVersion('b', 'v2')]);
    await agent.until(allLoaded(2), 100_000);
    expect([await predict(agent, 'a'), await predict(agent, 'b')]).toEqual([1, 2]);
    await eventuallyTrue('kubelet sees it ready', async () => (await agent.notReady()) === undefined);
  });

  it('updates a model under constant requests without a failure', async () => {
    await expectUpdatesWithoutAFailedRequest(agent, config, [atVersion('b', 'v2')], 'MLServer');
  });

  it('keeps the old version when MLServer refuses the new one', async () => {
    await config.writeModels([atVersion('a', 'broken'), atVersion('b', 'v2')]);
    const status = await agent.until(({ models }) => models.some(({ phase }) => phase === 'Failed'));
    expect(status.models.find(({ name }) => name === 'a')).toMatchObject({
      phase: 'Failed',
      reason: 'LoadFailed',
    });
    expect(await predict(agent, 'a')).toBe(1);
    await config.writeModels([atVersion('a', 'v1'), atVersion('b', 'v2')]);
    await agent.until(allLoaded(2));
    expect(await predict(agent, 'a')).toBe(1);
  });

  it('loads all models again after a kill of MLServer', async () => {
    await server.kill('SIGKILL');
    await agent.until(({ modelServer }) => modelServer.state === 'down');
    expect(await predict(agent, 'a')).toBe('status 502');
    await server.restart();
    await server.ready();
    const answered = performance.now();
    await agent.until(allLoaded(2));
    report('2 models after a restart of MLServer', { reloadedMs: performance.now() - answered });
    expect([await predict(agent, 'a'), await predict(agent, 'b')]).toEqual([1, 2]);
  });

  it('loads both versions of an artifact with settings below the top, and an archive of one directory', async () => {
    const { python } = await testMlserver();
    const settings = (version: string) =>
      JSON.stringify({
        name: 'theirs',
        implementation: 'mlserver_sklearn.SKLearnModel',
        parameters: { uri: './model.joblib', version },
      });
    for (const answer of [1, 2]) {
      await s3.putObject('models', `tree/versions/v${answer}/model-settings.json`, settings(`v${answer}`));
      await s3.putObject('models', `tree/versions/v${answer}/model.joblib`, await train(python, answer));
    }
    const packed = gzipSync(tar([{ name: 'outer/model.joblib', body: await train(python, 3) }]));
    const files = await startModelSource();
    try {
      files.misbehave('/packed.tgz', (_request, response) => response.end(packed));
      await config.writeModels([
        configured('tree', 's3://models/tree'),
        configured('packed', `${files.origin}/packed.tgz`),
        atVersion('b', 'v2'),
      ]);
      await agent.until(allLoaded(3));
      expect([await predict(agent, 'tree/versions/v1'), await predict(agent, 'tree/versions/v2')]).toEqual([
        1, 2,
      ]);
      expect([await predict(agent, 'packed'), await predict(agent, 'theirs')]).toEqual([3, 'status 404']);
    } finally {
      await files.stop();
    }
  });

  it('loads 200 models, loads them again after a kill, and shows all in its index', async () => {
    const models = Array.from({ length: 200 }, (_, index) => atVersion(`m${index}`, `v${(index % 3) + 1}`));
    const began = performance.now();
    await config.writeModels(models);
    await agent.until(allLoaded(200), 100_000);
    const loaded = performance.now();
    await server.kill('SIGKILL');
    await agent.until(({ modelServer }) => modelServer.state === 'down');
    await server.restart();
    await server.ready();
    const answered = performance.now();
    await agent.until(allLoaded(200), 100_000);
    const reloadedMs = performance.now() - answered;
    report('200 models in MLServer', { loadedMs: loaded - began, reloadedMs });
    expect([await predict(agent, 'm0'), await predict(agent, 'm100'), await predict(agent, 'm199')]).toEqual([
      1, 2, 2,
    ]);
    await eventuallyTrue('its index shows all', async () => {
      const answer = await fetch(`http://127.0.0.1:${server.port}/v2/repository/index`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      const index = (await answer.json()) as { state: string }[];
      return index.filter(({ state }) => state === 'READY').length === 200;
    });
  });

  it('unloads removed models', async () => {
    await config.writeModels([atVersion('b', 'v2')]);
    await agent.until(allLoaded(1));
    expect([await predict(agent, 'a'), await predict(agent, 'b')]).toEqual(['status 404', 2]);
  });
});
