import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../src/controlplane/ports.ts';
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
import type { TestSklearnserver } from '../support/sklearnserver.ts';
import { startSklearnserver, testSklearnserver } from '../support/sklearnserver.ts';

const BUCKET = 'models';
const V2_INPUT = { inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [[3]] }] };
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
    for (const answer of [1, 2, 3]) {
      await s3.putObject(BUCKET, `v${answer}/model.joblib`, await train(python, answer));
    }
    await s3.putObject(BUCKET, 'broken/model.joblib', 'no pickle at all');
    await config.writeModels([model('a', 'v1'), model('b', 'v2')]);
    server = await startSklearnserver(modelDir);
    agent = await startAgent({
      configDir: config.directory,
      modelDir,
      componentPort: server.port,
      env: {
        AWS_ACCESS_KEY_ID: s3.accessKeyId,
        AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_ENDPOINT_URL: s3.endpoint,
        S3_USE_VIRTUAL_BUCKET: 'false',
        SERVING_READINESS_PROBE: JSON.stringify({ httpGet: { path: '/v2/health/ready', port: server.port } }),
      },
    });
  }, 300_000);
  afterAll(async () => {
    await agent.kill('SIGKILL');
    await server.stop();
    await s3.stop();
    await rm(root, { recursive: true, force: true });
  });

  const model = (name: string, path: string) => configured(name, `s3://${BUCKET}/${path}`);
  async function post(path: string, body: object): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${agent.port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answered: unknown = await answer.json();
    return answer.status === 200 ? answered : `status ${answer.status}`;
  }
  /** The prediction, or the status when it is not 200. */
  async function predict(name: string): Promise<unknown> {
    const answer = await post(`/v2/models/${name}/infer`, V2_INPUT);
    return typeof answer === 'string'
      ? answer
      : (answer as { outputs: { data: number[] }[] }).outputs[0]?.data[0];
  }

  it('has no repository index, and is found all the same', async () => {
    await eventually(async () => {
      const index = await fetch(`http://127.0.0.1:${server.port}/v2/repository/index`, { method: 'POST' });
      expect(index.status).toBe(404);
    });
    await agent.until(({ modelServer }) => modelServer.state === 'up', 100_000);
  });

  it('loads a model.joblib and predicts by V2 and by V1', async () => {
    await agent.until(allLoaded(2));
    expect([await predict('a'), await predict('b')]).toEqual([1, 2]);
    expect(await post('/v1/models/b:predict', V1_INPUT)).toEqual({ predictions: [2] });
    await eventuallyTrue('kubelet sees it ready', async () => (await agent.notReady()) === undefined);
  });

  it('updates a model under constant requests, none of which fails', async () => {
    const answers: unknown[] = [];
    let going = true;
    const asking = Array.from({ length: 4 }, async () => {
      while (going) answers.push(await predict('a'));
    });
    for (const version of [2, 3, 1]) {
      await config.writeModels([model('a', `v${version}`), model('b', 'v2')]);
      await eventuallyTrue(`version ${version} answers`, () => answers.at(-1) === version);
    }
    going = false;
    await Promise.all(asking);
    const failed = answers.filter((answer) => typeof answer !== 'number');
    report('requests to sklearnserver during three updates', {
      answered: answers.length,
      failed: failed.length,
    });
    expect(failed).toEqual([]);
    expect([...new Set(answers)].sort()).toEqual([1, 2, 3]);
  });

  it('keeps the old version when the server refuses the new one', async () => {
    await config.writeModels([model('a', 'broken'), model('b', 'v2')]);
    await agent.until(({ models }) => models.some(({ phase }) => phase === 'Failed'));
    expect(await predict('a')).toBe(1);
    await config.writeModels([model('a', 'v1'), model('b', 'v2')]);
    await agent.until(allLoaded(2));
    expect(await predict('a')).toBe(1);
  });

  it('says of a broken model why the server refused it, and serves the others', async () => {
    await config.writeModels([model('a', 'v1'), model('b', 'v2'), model('broken', 'broken')]);
    await eventually(async () =>
      expect(await agent.model('broken')).toMatchObject({ phase: 'Failed', reason: 'LoadFailed' }),
    );
    // 503, which this server answers to a load that failed, is not taken for a server that is away.
    const told = await agent.model('broken');
    expect(told?.message).toContain('Model with name broken is not ready. Error type: <class');
    expect(await predict('broken')).toBe('status 404');
    expect([await predict('a'), await predict('b')]).toEqual([1, 2]);
  });

  it('serves again after it was killed, though a model is broken', async () => {
    const before = server.starts();
    await server.crash();
    await agent.until(({ modelServer }) => modelServer.state === 'down');
    expect(await predict('a')).toBe('status 502');
    await agent.until(({ models, modelServer }) => modelServer.state === 'up' && loaded(models) === 2);
    report('sklearnserver after kill -9', { starts: server.starts() - before });
    expect([await predict('a'), await predict('b')]).toEqual([1, 2]);
    await eventually(async () =>
      expect(await agent.model('broken')).toMatchObject({ phase: 'Failed', reason: 'LoadFailed' }),
    );
  });

  it('unloads what is gone', async () => {
    await config.writeModels([model('b', 'v2')]);
    await agent.until(allLoaded(1));
    expect([await predict('a'), await predict('b')]).toEqual(['status 404', 2]);
  });
});

/**
 * It loads each directory that it finds when it starts, that of a download included, and ends of it. The download is held
 * back until it has.
 */
it('starts at the latest when the downloads of a new pod are through', async () => {
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
