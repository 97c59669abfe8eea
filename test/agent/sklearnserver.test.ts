import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { allLoaded, startAgent } from '../support/agent.ts';
import type { TestAgent } from '../support/agent.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { train } from '../support/mlserver.ts';
import { startModelSource } from '../support/model-source.ts';
import type { MountedConfig } from '../support/mounted-config.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';
import type { TestS3 } from '../support/s3.ts';
import { startS3 } from '../support/s3.ts';
import {
  ask,
  atVersion,
  expectUpdatesWithoutAFailedRequest,
  predict,
  startAgentFor,
  storeVersions,
} from '../support/served-versions.ts';
import type { TestSklearnserver } from '../support/sklearnserver.ts';
import { startSklearnserver, testSklearnserver } from '../support/sklearnserver.ts';

const V1_INPUT = { instances: [[3]] };

describe('KServe’s own sklearnserver and a real S3 server', () => {
  let root: string;
  let config: MountedConfig;
  let server: TestSklearnserver;
  let s3: TestS3;
  let agent: TestAgent;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-sklearnserver-'));
    const modelDir = join(root, 'models');
    config = await mountConfig(join(root, 'configs'));
    s3 = await startS3();
    const { python } = await testSklearnserver();
    await storeVersions(s3, python);
    await config.writeModels([atVersion('a', 'v1'), atVersion('b', 'v2')]);
    server = await startSklearnserver(modelDir);
    agent = await startAgentFor(server, s3, { configDir: config.directory, modelDir });
  }, 300_000);
  afterAll(async () => {
    await agent.kill('SIGKILL');
    await server.stop();
    await s3.stop();
    await rm(root, { recursive: true, force: true });
  });

  it('is recognized without a repository index', async () => {
    await eventually(async () => {
      const index = await fetch(`http://127.0.0.1:${server.port}/v2/repository/index`, { method: 'POST' });
      expect(index.status).toBe(404);
    });
    await agent.until(({ modelServer }) => modelServer.state === 'up', 100_000);
  });

  it('loads a model.joblib and predicts with V2 and V1', async () => {
    await agent.until(allLoaded(2));
    expect([await predict(agent, 'a'), await predict(agent, 'b')]).toEqual([1, 2]);
    expect(await ask(agent, '/v1/models/b:predict', V1_INPUT)).toEqual({ predictions: [2] });
    await eventuallyTrue('kubelet sees it ready', async () => (await agent.notReady()) === undefined);
  });

  it('updates a model under constant requests without a failure', async () => {
    await expectUpdatesWithoutAFailedRequest(agent, config, [atVersion('b', 'v2')], 'sklearnserver');
  });

  it('keeps the old version when the server refuses the new one', async () => {
    await config.writeModels([atVersion('a', 'broken'), atVersion('b', 'v2')]);
    await agent.until(({ models }) => models.some(({ phase }) => phase === 'Failed'));
    expect(await predict(agent, 'a')).toBe(1);
    await config.writeModels([atVersion('a', 'v1'), atVersion('b', 'v2')]);
    await agent.until(allLoaded(2));
    expect(await predict(agent, 'a')).toBe(1);
  });

  it("reports the server's reason for a broken model, and serves the others", async () => {
    await config.writeModels([atVersion('a', 'v1'), atVersion('b', 'v2'), atVersion('broken', 'broken')]);
    await eventually(async () =>
      expect(await agent.model('broken')).toMatchObject({ phase: 'Failed', reason: 'LoadFailed' }),
    );
    // This server answers 503 to a failed load. The agent does not take that for an unavailable server.
    const broken = await agent.model('broken');
    expect(broken?.message).toContain('Model with name broken is not ready. Error type: <class');
    expect(await predict(agent, 'broken')).toBe('status 404');
    expect([await predict(agent, 'a'), await predict(agent, 'b')]).toEqual([1, 2]);
  });

  it('serves again after a kill despite a broken model', async () => {
    const before = server.starts();
    await server.crash();
    await agent.until(({ modelServer }) => modelServer.state === 'down');
    expect(await predict(agent, 'a')).toBe('status 502');
    await agent.until(({ models, modelServer }) => modelServer.state === 'up' && loaded(models) === 2);
    report('sklearnserver after kill -9', { starts: server.starts() - before });
    expect([await predict(agent, 'a'), await predict(agent, 'b')]).toEqual([1, 2]);
    await eventually(async () =>
      expect(await agent.model('broken')).toMatchObject({ phase: 'Failed', reason: 'LoadFailed' }),
    );
  });

  it('unloads removed models', async () => {
    await config.writeModels([atVersion('b', 'v2')]);
    await agent.until(allLoaded(1));
    expect([await predict(agent, 'a'), await predict(agent, 'b')]).toEqual(['status 404', 2]);
  });
});

/**
 * At start it loads each directory in the model directory, also that of a download, and exits when that fails. The
 * test holds the download back until then.
 */
it('starts once the downloads of a new pod are complete', async () => {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-sklearnserver-'));
  const modelDir = join(root, 'models');
  const config = await mountConfig(join(root, 'configs'));
  const source = await startModelSource();
  const { python } = await testSklearnserver();
  const artifact = await train(python, 7);
  let ended = false;
  source.misbehave('/a/model.joblib', (_request, response) => {
    void eventuallyTrue('the server has ended', () => ended).then(() => response.end(artifact));
  });
  await config.writeModels([configured('a', `${source.origin}/a/model.joblib`)]);
  const [componentPort = 0] = await freePorts(1);
  const agent = await startAgent({
    configDir: config.directory,
    modelDir,
    componentPort,
    flags: ['--model-server-url', `http://127.0.0.1:${componentPort}`],
  });
  let server: TestSklearnserver | undefined;
  try {
    await eventually(() => expect(source.requests).toHaveLength(1));
    const started = (server = await startSklearnserver(modelDir, componentPort));
    await eventuallyTrue('the server has ended', () => started.starts() > 1);
    ended = true;
    await agent.until(allLoaded(1));
    report('sklearnserver beside a download', { starts: started.starts() });
  } finally {
    await agent.kill('SIGKILL');
    await server?.stop();
    await source.stop();
    await rm(root, { recursive: true, force: true });
  }
});

function loaded(models: readonly { readonly phase: string }[]): number {
  return models.filter(({ phase }) => phase === 'Loaded').length;
}
