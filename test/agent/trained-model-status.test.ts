import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import type { ModelStatus } from '../../src/contract/agent-status.ts';
import { conditionOf } from '../../src/contract/trained-model-status.ts';
import type { Condition, TrainedModelStatus } from '../../src/contract/trained-model-status.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { EVENTS, INFERENCE_SERVICES, TRAINED_MODELS } from '../../src/kube/resources.ts';
import { agentScene } from '../support/agent-scene.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import type { TestAgent } from '../support/agent.ts';
import { createModel, createService, inferenceService, trainedModel } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { mirrorConfigMap } from '../support/kubelet-stand-in.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { placePod } from '../support/predictor-pods.ts';
import { report } from '../support/report.ts';
import { startV2Server } from '../support/v2-server.ts';

/** The promised delay from the agent's status to the condition, in milliseconds. */
const REPORTED_WITHIN = 3_000;

/**
 * API server, manager and two agents are real. The model servers are emulated with V2, the sources are web servers.
 */
describe('the status of a TrainedModel', () => {
  let cluster: ManagedCluster;
  let client: ApiClient;
  let scenes: AgentScene[] = [];
  let agents: TestAgent[] = [];
  let mirrors: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    cluster = await startManagedCluster();
    ({ client } = cluster);
    await createService(client, inferenceService('sk'));
    await client.patch(
      INFERENCE_SERVICES,
      { namespace: 'default', name: 'sk' },
      {
        type: 'merge',
        body: {
          status: {
            url: 'http://sk.default.example.com',
            address: { url: 'http://sk.default.svc.cluster.local' },
            conditions: [{ type: 'Ready', status: 'True' }],
          },
        },
      },
      { subresource: 'status' },
    );
    scenes = [await agentScene(), await agentScene()];
    mirrors = scenes.map(({ config }) => mirrorConfigMap(client, 'modelconfig-sk-0', config));
    agents = await Promise.all(scenes.map((scene) => scene.start()));
    for (const [index, agent] of agents.entries()) {
      const { port: agentPort, statusPort } = agent;
      await placePod(client, { name: `sk-${index}`, service: 'sk', statusPort, agentPort });
    }
  });

  afterAll(async () => {
    await Promise.all(mirrors.map((end) => end()));
    await Promise.all(scenes.map((scene) => scene.end()));
    await cluster.stop();
  });

  const statusOf = async (name: string): Promise<TrainedModelStatus> => {
    const model = await client.get(TRAINED_MODELS, { namespace: 'default', name });
    return (model as { status?: TrainedModelStatus }).status ?? {};
  };
  const conditionIs = (name: string, type: string, wanted: Partial<Condition>, withinMs?: number) =>
    eventually(
      async () => expect(conditionOf(await statusOf(name), type)).toMatchObject(wanted),
      withinMs,
      20,
    );
  const agentKnows = (agent: TestAgent, name: string, wanted: Partial<ModelStatus>) =>
    eventually(async () => expect(await agent.model(name)).toMatchObject(wanted), 30_000, 10);
  const eventsOf = async (name: string): Promise<string[]> => {
    const { items } = await client.list(EVENTS, {
      namespace: 'default',
      fieldSelector: `involvedObject.name=${name}`,
    });
    return (items as unknown as { reason: string }[]).map(({ reason }) => reason);
  };

  it('is Ready once the model is loaded on every replica, and has its URL', async () => {
    await createModel(client, trainedModel('good', 'sk', { storageUri: scenes[0]!.source.uri('weights') }));
    await conditionIs('good', 'Ready', { status: 'True' });
    const { conditions = [], url, address, observedGeneration } = await statusOf('good');
    expect(conditions.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'InferenceServiceReady=True',
      'IsMMSPredictor=True',
      'MemoryResourceAvailable=True',
      'ModelLoaded=True',
      'Ready=True',
    ]);
    expect(url).toBe('http://sk.default.example.com/v1/models/good:predict');
    expect(address?.url).toBe('http://sk.default.svc.cluster.local/v1/models/good:predict');
    expect(observedGeneration).toBe(1);
    expect(conditionOf({ conditions }, 'ModelLoaded')).toMatchObject({ reason: 'Loaded' });
    await eventually(async () => expect(await eventsOf('good')).toEqual(['Scheduled', 'Loaded']));
    // Each replica answers a request through its agent, but not for an unknown model.
    for (const { port } of agents) {
      expect((await fetch(`http://127.0.0.1:${port}/v2/models/good/ready`)).status).toBe(200);
      expect((await fetch(`http://127.0.0.1:${port}/v2/models/none/ready`)).status).not.toBe(200);
    }
  });

  it('is never Ready when the download fails, gives the reason at once, and recovers by itself', async () => {
    const { source } = scenes[0]!;
    const uri = source.uri('mended');
    // The agent retries a missing model after minutes, and an unavailable source at once.
    source.misbehave(new URL(uri).pathname, (_request, response) => {
      response.statusCode = 503;
      response.end('down for maintenance');
    });
    const created = await client.create(TRAINED_MODELS, trainedModel('bad', 'sk', { storageUri: uri }));
    await Promise.all(agents.map((agent) => agentKnows(agent, 'bad', { phase: 'Failed' })));
    const known = performance.now();
    await conditionIs('bad', 'ModelLoaded', { status: 'False', reason: 'Failed' }, REPORTED_WITHIN);
    report('a failure appeared in the condition', { 'after (ms)': performance.now() - known });
    const { conditions = [] } = await statusOf('bad');
    expect(conditionOf({ conditions }, 'ModelLoaded')?.message).toMatch(
      // The first pod of those whose agents have answered by now.
      /^loaded on 0 of 2 replicas; pod sk-[01]: .*503.*/,
    );
    expect(conditionOf({ conditions }, 'Ready')).toMatchObject({ status: 'False', reason: 'Failed' });
    const history = await historyOfReady('bad', created.metadata.resourceVersion ?? '');
    expect(new Set(history)).toEqual(new Set(['False']));
    source.misbehave(new URL(uri).pathname, undefined);
    await conditionIs('bad', 'Ready', { status: 'True' }, 60_000);
    // Events are written after the status, and nothing waits for them.
    await eventually(async () =>
      expect(await eventsOf('bad')).toEqual(expect.arrayContaining(['Scheduled', 'Failed', 'Loaded'])),
    );
  });

  it('names the replica that failed', async () => {
    scenes[1]!.server.behave = (name) =>
      Promise.resolve(name === 'half' ? { status: 500, error: 'no such runtime' } : undefined);
    await createModel(client, trainedModel('half', 'sk', { storageUri: scenes[0]!.source.uri('half') }));
    await conditionIs('half', 'ModelLoaded', { status: 'False', reason: 'Failed' });
    await eventually(async () =>
      expect(conditionOf(await statusOf('half'), 'ModelLoaded')?.message).toMatch(
        /^loaded on 1 of 2 replicas; pod sk-1: \w+: .*no such runtime/,
      ),
    );
    scenes[1]!.server.behave = () => Promise.resolve(undefined);
    await conditionIs('half', 'Ready', { status: 'True' }, 60_000);
  });

  it("falls back to the model server when the agent reports no status, like KServe's own", async () => {
    await createService(client, inferenceService('stock'));
    const server = await startV2Server('/nowhere');
    const [closed = 0] = await freePorts(1);
    try {
      await placePod(client, {
        name: 'stock-0',
        service: 'stock',
        statusPort: closed,
        agentPort: server.port,
      });
      await createModel(client, trainedModel('theirs', 'stock'));
      // Queued when it is written before the first request to the model server, otherwise Loading.
      await conditionIs('theirs', 'ModelLoaded', { status: 'False' });
      (server.loaded as Map<string, string>).set('theirs', 'weights');
      await conditionIs('theirs', 'Ready', { status: 'True' });
      await client.delete(TRAINED_MODELS, { namespace: 'default', name: 'theirs' });
    } finally {
      await server.stop();
    }
  });

  it('keeps its times and is not written without a change; names an unreachable agent', async () => {
    const before = await statusOf('good');
    const writes = await cluster.manager.metric('mms_status_writes_total', { result: 'written' });
    await agents[1]!.kill('SIGKILL');
    await conditionIs('good', 'ModelLoaded', { status: 'Unknown', reason: 'AgentNotReachable' }, 60_000);
    const after = await statusOf('good');
    expect(conditionOf(after, 'ModelLoaded')?.message).toBe(
      'loaded on 1 of 2 replicas; pod sk-1: agent not reachable (connection refused)',
    );
    expect(conditionOf(after, 'IsMMSPredictor')).toEqual(conditionOf(before, 'IsMMSPredictor'));
    // Exactly one write for each of the three models.
    expect(await cluster.manager.metric('mms_status_writes_total', { result: 'written' })).toBe(writes + 3);
  });

  /** The Ready status in every version of the model since the given one, from a watch. */
  async function historyOfReady(name: string, resourceVersion: string): Promise<unknown[]> {
    const ending = new AbortController();
    const query = {
      namespace: 'default',
      fieldSelector: `metadata.name=${name}`,
      resourceVersion,
      timeoutSeconds: 1,
    };
    let text = '';
    for await (const chunk of await client.watch(TRAINED_MODELS, query, ending.signal)) {
      text += Buffer.from(chunk).toString('utf8');
    }
    const events = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { type: string; object: { status?: TrainedModelStatus } });
    return events
      .filter(({ type }) => type === 'MODIFIED')
      .map(({ object }) => conditionOf(object.status, 'Ready')?.status);
  }
});
