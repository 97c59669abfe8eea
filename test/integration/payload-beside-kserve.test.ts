import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { Container, Pod } from '../../src/contract/pod.ts';
import { DEPLOYMENTS, INFERENCE_SERVICES, PODS } from '../../src/kube/resources.ts';
import { askingService } from '../support/agent-cases.ts';
import { eventually } from '../support/eventually.ts';
import { type KServeCluster, startKServeCluster } from '../support/kserve-cluster.ts';
import { buildKServeFirst } from '../support/kserve-first.ts';
import { type LogSinkServer, startLogSink } from '../support/log-sink.ts';
import { type OwnAgent, startOwnAgent } from '../support/own-agent.ts';
import { pasteWithKubectl, shellBlocksOf } from '../support/page.ts';

const OUR_IMAGE = 'kserve-mms:0.2.0';
const MODELS = ['a', 'b'];

/** Pods that KServe's manager and webhook make for InferenceServices that are not multi-model, run with our agent. */
describe("our image as the agent of KServe's logger and batcher", () => {
  let cluster: KServeCluster;
  let sink: LogSinkServer;
  let component: Server;
  let port: number;
  /** The calls that the component received. */
  let calls: { readonly path: string; readonly instances: readonly unknown[] }[] = [];

  buildKServeFirst();

  beforeAll(async () => {
    cluster = await startKServeCluster();
    const [enter = ''] = await shellBlocksOf('docs/beside-kserve.md', 'Agent only');
    await pasteWithKubectl(cluster.controlPlane.kubeconfigPath, enter);
    sink = await startLogSink();
    component = createServer((incoming, outgoing) => {
      const { url: path = '' } = incoming;
      void text(incoming).then((body) => {
        const { instances } = JSON.parse(body) as { readonly instances: readonly unknown[] };
        calls.push({ path, instances });
        const predictions = instances.map((one) => `${path} ${String(one)}`);
        outgoing.setHeader('content-type', 'application/json').end(JSON.stringify({ predictions }));
      });
    }).listen(0, '127.0.0.1');
    await once(component, 'listening');
    ({ port } = component.address() as AddressInfo);
  }, 300_000);

  afterAll(async () => {
    component.close();
    component.closeAllConnections();
    sink.close();
    await cluster.stop();
  });

  /** The agent's container in a pod of the Deployment that KServe's manager makes, after KServe's webhook. */
  async function agentOf(name: string, predictor: Readonly<Record<string, unknown>>): Promise<Container> {
    const { client } = cluster;
    const service = askingService(name, { predictor }) as KubernetesObject;
    // The API server calls a new webhook a moment after its registration.
    await eventually(() => client.create(INFERENCE_SERVICES, service));
    const place = { namespace: 'default', name: `${name}-predictor` };
    const deployment = await eventually(() => client.get(DEPLOYMENTS, place), 60_000);
    const { metadata, spec } = (deployment as unknown as { readonly spec: { readonly template: Pod } }).spec
      .template;
    const { labels = {}, annotations = {} } = metadata;
    const asked = { metadata: { name: `${name}-1`, namespace: 'default', labels, annotations }, spec };
    const pod = await client.create(PODS, asked, { dryRun: true });
    const agents = (pod as unknown as Pod).spec.containers.filter((one) => one.name === 'agent');
    expect(agents.map(({ image }) => image)).toEqual([OUR_IMAGE]);
    return agents[0]!;
  }

  /**
   * Starts our agent with the arguments and environment of that container. Only the ports differ, because the test
   * shares its network namespace.
   */
  async function run({ args = [], env = [], command }: Container & { command?: unknown }): Promise<OwnAgent> {
    expect(command).toBeUndefined();
    expect(args.slice(-2)).toEqual(['--component-port', '8080']);
    const environment = Object.fromEntries(
      env.map(({ name, value = '' }) => [name, value.replace(/"port":8080/, `"port":${port}`)]),
    );
    expect(Object.keys(environment)).toContain('SERVING_READINESS_PROBE');
    const agent = await startOwnAgent(port, args.slice(0, -2), environment);
    await eventually(async () => {
      const probe = { headers: { 'K-Network-Probe': 'queue' } };
      expect((await fetch(`http://127.0.0.1:${agent.port}/`, probe)).status).toBe(200);
    });
    return agent;
  }

  const predict = async (agent: OwnAgent, model: string, instances: readonly unknown[]) => {
    const url = `http://127.0.0.1:${agent.port}/v1/models/${model}:predict`;
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ instances }) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  const eventsOf = (count: number) =>
    eventually(() => {
      expect(sink.events).toHaveLength(count);
      return Promise.resolve(sink.events.map(({ headers, body }) => ({ headers, body: body.toString() })));
    });

  it('the logger: requests pass, events arrive', async () => {
    sink.events.length = 0;
    const agent = await run(await agentOf('logged', { logger: { mode: 'all', url: sink.url } }));
    try {
      const answer = await predict(agent, 'a', [1]);
      expect(answer).toEqual({ status: 200, body: { predictions: ['/v1/models/a:predict 1'] } });
      const events = await eventsOf(2);
      expect(events.map(({ body }) => body).sort()).toEqual([
        '{"instances":[1]}',
        '{"predictions":["/v1/models/a:predict 1"]}',
      ]);
      for (const { headers } of events)
        expect(headers).toMatchObject({
          ...{ 'ce-inferenceservicename': 'logged', 'ce-namespace': 'default', 'ce-component': 'predictor' },
          'content-type': 'application/json',
        });
      expect(events[0]!.headers['ce-id']).toBe(events[1]!.headers['ce-id']);
    } finally {
      await agent.stop();
    }
  });

  it('the batcher: requests for each model go in one batch', async () => {
    calls = [];
    const batcher = { maxBatchSize: 2, maxLatency: 5000 };
    const agent = await run(await agentOf('batched', { batcher }));
    try {
      const asked = MODELS.flatMap((model) => [1, 2].map((number) => ({ model, number })));
      const answers = await Promise.all(asked.map(({ model, number }) => predict(agent, model, [number])));
      for (const [index, { model, number }] of asked.entries())
        expect(answers[index]).toEqual({
          status: 200,
          body: {
            ...{ message: '', batchId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
            predictions: [`/v1/models/${model}:predict ${number}`],
          },
        });
      expect(calls.map(({ path, instances }) => [path, instances.length]).sort()).toEqual(
        MODELS.map((model) => [`/v1/models/${model}:predict`, 2]),
      );
    } finally {
      await agent.stop();
    }
  });

  it('both: logs the requests of clients, not the batch', async () => {
    sink.events.length = 0;
    const batcher = { maxBatchSize: 2, maxLatency: 5000 };
    const agent = await run(await agentOf('both', { batcher, logger: { mode: 'all', url: sink.url } }));
    try {
      const answers = await Promise.all([1, 2].map((number) => predict(agent, 'a', [number])));
      const events = await eventsOf(4);
      const bodies = events.map(({ body }) => body);
      for (const number of [1, 2]) expect(bodies).toContain(`{"instances":[${number}]}`);
      for (const { body } of answers) expect(bodies).toContain(JSON.stringify(body));
    } finally {
      await agent.stop();
    }
  });
});
