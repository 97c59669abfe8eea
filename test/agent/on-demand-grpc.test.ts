import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestAgent } from '../support/agent.ts';
import { startAgent } from '../support/agent.ts';
import {
  firstField,
  type InferenceClient,
  inferenceClient,
  inferRequest,
} from '../support/grpc-inference.ts';
import type { TestMlserver } from '../support/mlserver.ts';
import { startMlserver, testMlserver, train } from '../support/mlserver.ts';
import { type ModelSource, startModelSource } from '../support/model-source.ts';
import type { MountedConfig } from '../support/mounted-config.ts';
import { configured, mountConfig } from '../support/mounted-config.ts';
import { report } from '../support/report.ts';

/** The budget holds two of these models: each declares 64Mi. */
const MODELS = ['a', 'b', 'c', 'd'];

describe('gRPC to sleeping models on a real MLServer', () => {
  let root: string;
  let config: MountedConfig;
  let server: TestMlserver;
  let source: ModelSource;
  let agent: TestAgent;
  let client: InferenceClient;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'kserve-mms-grpc-'));
    const modelDir = join(root, 'models');
    config = await mountConfig(join(root, 'configs'));
    server = await startMlserver(modelDir, { environment: { MLSERVER_PARALLEL_WORKERS: '0' } });
    source = await startModelSource();
    const { python } = await testMlserver();
    const archive = await train(python, 7);
    source.misbehave('/model.joblib', (_request, response) => response.end(archive));
    await config.writeModels(
      MODELS.map((name) => configured(name, `${source.origin}/model.joblib`, 'sklearn')),
    );
    agent = await startAgent({
      configDir: config.directory,
      modelDir,
      componentPort: server.grpcPort,
      flags: [
        ...['--model-server-url', `http://127.0.0.1:${server.port}`],
        ...['--residency', 'on-demand', '--memory-budget', '128Mi'],
      ],
    });
    client = inferenceClient(agent.port);
    await agent.until(({ models }) => models.length === MODELS.length && models.every(isAtHand), 120_000);
  }, 300_000);
  afterAll(async () => {
    client.close();
    await agent.kill('SIGKILL');
    await server.kill('SIGKILL');
    await source.stop();
    await rm(root, { recursive: true, force: true });
  });

  const isAtHand = ({ phase }: { readonly phase: string }) => ['Loaded', 'Standby', 'Remote'].includes(phase);
  const phases = async () => new Map((await agent.status()).models.map(({ name, phase }) => [name, phase]));

  it('every model answers, cold or warm, though only two fit', async () => {
    const took: Record<'cold' | 'warm', number[]> = { cold: [], warm: [] };
    for (const round of [1, 2]) {
      for (const name of MODELS) {
        for (const kind of ['cold', 'warm'] as const) {
          const began = performance.now();
          const answer = await client.call('ModelInfer', inferRequest(name, [round]));
          took[kind].push(performance.now() - began);
          expect(firstField(answer)).toBe(name);
        }
      }
    }
    expect([...(await phases()).values()].filter((phase) => phase === 'Loaded').length).toBeLessThanOrEqual(
      2,
    );
    const worst = (kind: 'cold' | 'warm') => Math.round(Math.max(...took[kind]));
    report('ModelInfer of 4 models of which 2 fit, the slowest, ms', {
      cold: worst('cold'),
      warm: worst('warm'),
    });
  }, 120_000);

  it('ModelReady does not wake a sleeping model, ModelMetadata is UNAVAILABLE, and a stream wakes it', async () => {
    const asleep = [...(await phases())].find(([, phase]) => phase === 'Standby')?.[0] ?? '';
    expect(firstField(await client.call('ModelReady', inferRequest(asleep)))).toBe(true);
    await expect(client.call('ModelMetadata', inferRequest(asleep))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    expect((await phases()).get(asleep)).toBe('Standby');
    const answers = await client.stream([inferRequest(asleep, [1])]);
    expect(answers).toHaveLength(1);
  }, 60_000);

  it('an unknown model is NOT_FOUND at once', async () => {
    await expect(client.call('ModelInfer', inferRequest('nobody', [1]))).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
  });
});
