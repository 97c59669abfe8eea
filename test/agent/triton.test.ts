import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestAgent } from '../support/agent.ts';
import { allLoaded, startAgent } from '../support/agent.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import type { ModelSource } from '../support/model-source.ts';
import { startModelSource } from '../support/model-source.ts';
import type { ConfiguredModel, MountedConfig } from '../support/mounted-config.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';
import { ask } from '../support/served-versions.ts';
import type { TestTriton } from '../support/triton.ts';
import { startTriton, tritonEnsemble, tritonModel } from '../support/triton.ts';

const INPUT = { inputs: [{ name: 'x', shape: [1], datatype: 'FP32', data: [3] }] };

describe('a real Triton', () => {
  let root: string;
  let modelDir: string;
  let config: MountedConfig;
  let triton: TestTriton;
  let source: ModelSource;
  let agent: TestAgent;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-triton-'));
    modelDir = join(root, 'models');
    config = await mountConfig(join(root, 'configs'));
    triton = await startTriton(modelDir);
    source = await startModelSource();
    const archives: Record<string, Buffer> = {
      one: tritonModel({ 1: 1 }),
      two: tritonModel({ 1: 2 }),
      three: tritonModel({ 1: 3 }),
      versions: tritonModel({ 1: 11, 2: 12 }),
      broken: tritonModel({ 1: 'broken' }),
      ensemble: tritonEnsemble('part'),
    };
    for (const [name, archive] of Object.entries(archives))
      source.misbehave(`/${name}.tgz`, (_request, response) => response.end(archive));
    await config.write('[]');
    agent = await start();
  }, 300_000);
  afterAll(async () => {
    await agent.kill('SIGKILL');
    await triton.kill('SIGKILL');
    await source.stop();
    await rm(root, { recursive: true, force: true });
  });

  const start = (componentPort = triton.port, flags: readonly string[] = []) =>
    startAgent({ configDir: config.directory, modelDir, componentPort, flags });
  const of = (name: string, archive: string) => configured(name, `${source.origin}/${archive}.tgz`, 'triton');
  const predict = async (name: string): Promise<unknown> => {
    const answer = await ask(agent, `/v2/models/${name}/infer`, INPUT);
    return typeof answer === 'string'
      ? answer
      : (answer as { outputs: { data: number[] }[] }).outputs[0]?.data[0];
  };
  const index = async () =>
    (await ask(agent, '/v2/repository/index', {})) as { name: string; state: string; reason?: string }[];
  const set = (...models: ConfiguredModel[]) => config.writeModels(models);

  it('loads, predicts, and serves all versions of a model', async () => {
    await set(of('a', 'one'), of('v', 'versions'));
    await agent.until(allLoaded(2));
    expect([await predict('a'), await predict('v/versions/1'), await predict('v/versions/2')]).toEqual([
      1, 11, 12,
    ]);
  });

  it('updates a model under constant requests without a failure', async () => {
    const answers: unknown[] = [];
    let going = true;
    const asking = Array.from({ length: 4 }, async () => {
      while (going) answers.push(await predict('a'));
    });
    for (const [archive, answer] of [
      ['two', 2],
      ['three', 3],
      ['one', 1],
    ] as const) {
      await set(of('a', archive), of('v', 'versions'));
      await eventuallyTrue(`${archive} answers`, () => answers.at(-1) === answer);
    }
    going = false;
    await Promise.all(asking);
    const failed = answers.filter((answer) => typeof answer !== 'number');
    report('requests to Triton during three updates', { answered: answers.length, failed: failed.length });
    expect(failed).toEqual([]);
    await agent.until(allLoaded(2));
  });

  it('keeps the old version when Triton refuses the new one, and reports the reason for a new model in its index', async () => {
    await set(of('a', 'broken'), of('b', 'broken'), of('v', 'versions'));
    const failed = await agent.until(
      ({ models }) => models.filter(({ phase }) => phase === 'Failed').length === 2,
    );
    for (const name of ['a', 'b']) {
      const model = failed.models.find((candidate) => candidate.name === name);
      expect(model).toMatchObject({ reason: 'LoadFailed' });
      expect(model?.message).toContain('made to fail');
    }
    expect([await predict('a'), await predict('b'), await predict('v')]).toEqual([1, 'status 404', 12]);
    expect((await index()).find(({ name }) => name === 'b')).toMatchObject({
      state: 'UNAVAILABLE',
      reason: expect.stringContaining('made to fail'),
    });
  });

  it.each(['the ensemble', 'its part'])('loads an ensemble and its part: %s first', async (first) => {
    await set(of('a', 'one'));
    await agent.until(allLoaded(1));
    await set(of('a', 'one'), first === 'its part' ? of('part', 'two') : of('whole', 'ensemble'));
    await agent.until(({ models }) =>
      models.some(
        ({ name, phase }) => name !== 'a' && phase === (first === 'its part' ? 'Loaded' : 'Failed'),
      ),
    );
    await set(of('a', 'one'), of('whole', 'ensemble'), of('part', 'two'));
    await agent.until(allLoaded(3));
    expect([await predict('whole'), await predict('part')]).toEqual([2, 2]);
  });

  it('updates the part in the ensemble without a failed request', async () => {
    const answers: unknown[] = [];
    await set(of('a', 'one'), of('whole', 'ensemble'), of('part', 'three'));
    await eventuallyTrue('the new part answers in the ensemble', async () => {
      answers.push(await predict('whole'));
      return answers.at(-1) === 3;
    });
    expect([...new Set(answers)].filter((answer) => answer !== 2)).toEqual([3]);
    await agent.until(allLoaded(3));
  });

  it('finds the loaded models after a restart of the agent, and loads all after a restart of Triton', async () => {
    await agent.kill('SIGKILL');
    const fetched = source.requests.length;
    agent = await start();
    const { models } = await agent.until(allLoaded(3));
    // All except the one with the refused update, because the agent cannot know which version Triton has.
    expect(models.filter(({ times }) => times.load !== undefined).map(({ name }) => name)).toEqual(['a']);
    await triton.kill('SIGKILL');
    await agent.until(({ modelServer }) => modelServer.state === 'down');
    await triton.restart();
    await agent.until(allLoaded(3));
    expect([await predict('a'), await predict('whole')]).toEqual([1, 3]);
    expect(source.requests).toHaveLength(fetched);
  });

  it('answers gRPC through an agent with a gRPC component', async () => {
    await agent.kill('SIGKILL');
    const other = await start(triton.grpcPort, ['--model-server-url', `http://127.0.0.1:${triton.port}`]);
    try {
      const { port } = other;
      await other.until(allLoaded(3));
      // ModelReadyRequest { name: 1 } and ModelReadyResponse { ready: 1 } of the protocol's proto file.
      expect(await grpc(port, 'ModelReady', Buffer.from([0x0a, 1, 0x61]))).toEqual(Buffer.from([0x08, 1]));
      expect(await grpc(port, 'ModelReady', Buffer.from([0x0a, 1, 0x7a]))).toEqual(Buffer.from([]));
    } finally {
      await other.kill('SIGKILL');
      agent = await start();
    }
  });

  it('unloads removed models', async () => {
    await set(of('a', 'one'));
    await agent.until(allLoaded(1));
    expect([await predict('a'), await predict('whole'), await predict('part')]).toEqual([
      1,
      'status 404',
      'status 404',
    ]);
    expect((await index()).filter(({ state }) => state === 'READY').map(({ name }) => name)).toEqual(['a']);
  });
});

/** Calls a method of Triton's gRPC service with a message; resolves with the message of the answer. */
async function grpc(port: number, method: string, message: Buffer): Promise<Buffer> {
  const session = connect(`http://127.0.0.1:${port}`);
  const call = session.request({
    ':method': 'POST',
    ':path': `/inference.GRPCInferenceService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const chunks: Buffer[] = [];
  call.on('data', (chunk: Buffer) => chunks.push(chunk));
  const length = Buffer.alloc(5);
  length.writeUInt32BE(message.length, 1);
  call.end(Buffer.concat([length, message]));
  await once(call, 'close');
  session.close();
  return Buffer.concat(chunks).subarray(5);
}
