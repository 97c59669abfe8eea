import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allLoaded, startAgent } from '../support/agent.ts';
import type { TestAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import type { TestMlserver } from '../support/mlserver.ts';
import { startMlserver } from '../support/mlserver.ts';
import type { MountedConfig } from '../support/mounted-config.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';
import type { TestS3 } from '../support/s3.ts';
import { startS3 } from '../support/s3.ts';

const BUCKET = 'models';
const INPUT = { inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [[3]] }] };

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
    for (const answer of [1, 2, 3]) {
      await s3.putObject(BUCKET, `v${answer}/model.joblib`, await server.train(answer));
    }
    await s3.putObject(BUCKET, 'broken/model.joblib', 'no pickle at all');
    await config.write('[]');
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
    await server.kill('SIGKILL');
    await s3.stop();
    await rm(root, { recursive: true, force: true });
  });

  /** The prediction, or the status when it is not 200. */
  async function predict(model: string): Promise<number | string> {
    const answer = await fetch(`http://127.0.0.1:${agent.port}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(INPUT),
    });
    const body = (await answer.json()) as { outputs?: { data: number[] }[] };
    return answer.status === 200 ? (body.outputs?.[0]?.data[0] ?? 'none') : `status ${answer.status}`;
  }
  const model = (name: string, path: string) => configured(name, `s3://${BUCKET}/${path}`);

  it('loads a plain model.joblib and predicts', async () => {
    await config.writeModels([model('a', 'v1'), model('b', 'v2')]);
    await agent.until(allLoaded(2), 100_000);
    expect([await predict('a'), await predict('b')]).toEqual([1, 2]);
    await eventuallyTrue('kubelet sees it ready', async () => (await agent.notReady()) === undefined);
  });

  it('updates a model under constant requests, none of which fails', async () => {
    const answers: (number | string)[] = [];
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
    report('requests to MLServer during three updates', { answered: answers.length, failed: failed.length });
    expect(failed).toEqual([]);
    expect([...new Set(answers)].sort()).toEqual([1, 2, 3]);
  });

  it('keeps the old version when MLServer refuses the new one', async () => {
    await config.writeModels([model('a', 'broken'), model('b', 'v2')]);
    const status = await agent.until(({ models }) => models.some(({ phase }) => phase === 'Failed'));
    expect(status.models.find(({ name }) => name === 'a')).toMatchObject({
      phase: 'Failed',
      reason: 'LoadFailed',
    });
    expect(await predict('a')).toBe(1);
    await config.writeModels([model('a', 'v1'), model('b', 'v2')]);
    await agent.until(allLoaded(2));
    expect(await predict('a')).toBe(1);
  });

  it('loads everything again after MLServer was killed', async () => {
    await server.kill('SIGKILL');
    await agent.until(({ modelServer }) => modelServer.state === 'down');
    expect(await predict('a')).toBe('status 502');
    await server.restart();
    await server.ready();
    const answered = performance.now();
    await agent.until(allLoaded(2));
    report('2 models after a restart of MLServer', { reloadedMs: performance.now() - answered });
    expect([await predict('a'), await predict('b')]).toEqual([1, 2]);
  });

  it('loads 200 models, and loads them again after it was killed, and shows all in its index', async () => {
    const models = Array.from({ length: 200 }, (_, index) => model(`m${index}`, `v${(index % 3) + 1}`));
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
    expect([await predict('m0'), await predict('m100'), await predict('m199')]).toEqual([1, 2, 2]);
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

  it('unloads what is gone', async () => {
    await config.writeModels([model('b', 'v2')]);
    await agent.until(allLoaded(1));
    expect([await predict('a'), await predict('b')]).toEqual(['status 404', 2]);
  });
});
