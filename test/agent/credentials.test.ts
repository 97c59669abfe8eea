import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import type { Container, Pod } from '../../src/contract/pod.ts';
import { containerEnvironment } from '../../src/development/demo/container-environment.ts';
import { CONFIG_MAPS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS } from '../../src/kube/resources.ts';
import { agentScene } from '../support/agent-scene.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import { createService, inferenceService } from '../support/cluster-client.ts';
import { eventually } from '../support/eventually.ts';
import { kservePrograms } from '../support/kserve-programs.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { configured } from '../support/mounted-config.ts';
import { dryRunPod, predictorPod } from '../support/predictor-pod.ts';
import { startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';

interface Way {
  readonly name: string;
  readonly secret?: {
    readonly data: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  /** Whether the service account lists it. */
  readonly listed?: boolean;
  readonly account?: Readonly<Record<string, string>>;
  readonly pod?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, string>>;
  readonly bucket?: string;
  /** KServe's agent fails with it. */
  readonly oursOnly?: true;
}

let s3: TestS3;
let cluster: ManagedCluster;

beforeAll(async () => {
  cluster = await startManagedCluster();
  s3 = await startS3();
  for (const bucket of ['private', 'public']) await s3.putObject(bucket, 'm1/weights.txt', bucket);
  await s3.makePublic('public');
  await cluster.client.create(NAMESPACES, { metadata: { name: 'kserve' } });
  await createService(cluster.client, inferenceService('sk'));
});
afterAll(() => Promise.all([s3.stop(), cluster.stop()]));

/** The ways to configure the store: S3's settings under the names of each place. */
function waysTo({ endpoint, accessKeyId, secretAccessKey }: TestS3): readonly Way[] {
  const { host } = new URL(endpoint);
  const data = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const annotations = {
    'serving.kserve.io/s3-endpoint': host,
    'serving.kserve.io/s3-usehttps': '0',
    'serving.kserve.io/s3-region': 'us-east-1',
    'serving.kserve.io/s3-usevirtualbucket': 'false',
  };
  const settings = { S3_USE_HTTPS: '0', AWS_DEFAULT_REGION: 'us-east-1', S3_USER_VIRTUAL_BUCKET: 'false' };
  const role = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::123456789012:role/models' };
  const config = { s3UseHttps: '0', s3Region: 'us-east-1', s3UseVirtualBucket: 'false' };
  return [
    { name: 'annotations of a Secret', secret: { data, annotations } },
    { name: 'data of a Secret', secret: { data: { ...data, ...settings, S3_ENDPOINT: host } } },
    {
      name: 'data of a Secret, with a scheme in the endpoint',
      secret: { data: { ...data, ...settings, S3_ENDPOINT: endpoint } },
    },
    {
      name: 'data of a Secret, each with the line break of echo',
      secret: {
        data: Object.fromEntries(
          Object.entries({ ...data, ...settings, S3_ENDPOINT: host }).map(([key, text]) => [
            key,
            `${text}\n`,
          ]),
        ),
      },
      oursOnly: true,
    },
    {
      name: 'annotations of a ServiceAccount, for a public bucket',
      account: { ...role, ...annotations, 'serving.kserve.io/s3-useanoncredential': 'true' },
      bucket: 'public',
    },
    {
      name: 'annotations of a ServiceAccount, and keys in a Secret',
      account: { ...role, ...annotations },
      secret: { data },
    },
    {
      name: 'storageSecretName',
      secret: { data, annotations },
      listed: false,
      pod: { 'serving.kserve.io/storageSecretName': 'SECRET' },
    },
    { name: 'the system configuration', config: { ...config, s3Endpoint: host }, secret: { data } },
    {
      name: 'the system configuration, with a scheme in the endpoint',
      config: { ...config, s3Endpoint: endpoint, s3UseHttps: '1' },
      secret: { data },
    },
  ];
}

/** The names of the ways; the store does not run yet. */
const WAYS = waysTo({ endpoint: 'http://store', accessKeyId: '', secretAccessKey: '' } as TestS3);

/** The environment that the real webhook gives the agent, resolved as kubelet does. */
async function environmentFor(way: Way, id: string): Promise<Record<string, string>> {
  const { client } = cluster;
  const { secret, listed = true, account: annotations = {}, pod = {}, config = {} } = way;
  const [namespace, image] = ['default', `agent:${id}`];
  if (secret !== undefined) {
    const data = Object.entries(secret.data).map(([key, text]) => [
      key,
      Buffer.from(text).toString('base64'),
    ]);
    await client.create(SECRETS, {
      metadata: { name: id, namespace, annotations: secret.annotations ?? {} },
      data: Object.fromEntries(data) as Record<string, string>,
    });
  }
  const secrets = secret !== undefined && listed ? [{ name: id }] : [];
  await client.create(SERVICE_ACCOUNTS, { metadata: { name: id, namespace, annotations }, secrets });
  const metadata = { name: 'inferenceservice-config', namespace: 'kserve' };
  const entries = { agent: JSON.stringify({ image }), credentials: JSON.stringify({ s3: config }) };
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: entries };
  await client.patch(CONFIG_MAPS, metadata, { type: 'apply', body, fieldManager: 'test', force: true });
  const agent = await eventually(async () => {
    const found = agentOf(
      await dryRunPod(
        client,
        predictorPod(id, 'sk', (created) => name(created, id, pod)),
      ),
    );
    expect(found.image).toBe(image);
    return found;
  });
  return containerEnvironment(agent.env ?? [], (wanted) => client.get(SECRETS, { namespace, name: wanted }));
}

function name(pod: Pod, id: string, annotations: Readonly<Record<string, string>>): void {
  pod.spec.serviceAccountName = id;
  const named = Object.entries(annotations).map(([key, value]) => [key, value.replace('SECRET', id)]);
  pod.metadata.annotations = Object.fromEntries(named) as Record<string, string>;
}

function agentOf(pod: Pod): Container {
  const agent = pod.spec.containers.find((container) => container.name === 'agent');
  if (agent === undefined) throw new Error('the pod has no agent');
  return agent;
}

describe('an agent loads a model from a real S3 store that is configured by', () => {
  let scene: AgentScene;
  beforeEach(async () => {
    scene = await agentScene();
  });
  afterEach(() => scene.end());

  it.each(WAYS.map((way, index) => [way.name, index] as const))('%s', async (_, index) => {
    const way = waysTo(s3)[index]!;
    const { bucket = 'private' } = way;
    const { SERVING_READINESS_PROBE: probe, ...env } = await environmentFor(way, `way-${index}`);
    expect(probe).toBeDefined();
    await scene.config.writeModels([configured('m1', `s3://${bucket}/m1`)]);
    const agent = await scene.start({ env });
    await agent.until(({ models }) =>
      models.some(({ name: model, phase }) => model === 'm1' && phase === 'Loaded'),
    );
    expect(scene.server.loaded.get('m1')).toBe(bucket);
    if (way.oursOnly !== true) expect(await byKServe(scene, env)).toBe(bucket);
  });
});

/** The content that KServe's own agent downloads with the same variables. */
async function byKServe({ config, server }: AgentScene, env: Record<string, string>): Promise<string> {
  const modelDir = await mkdtemp(join(tmpdir(), 'kserve-mms-by-kserve-'));
  const [port = 0] = await freePorts(1);
  const places = ['--config-dir', config.directory, '--model-dir', modelDir, '--port', String(port)];
  const { agent } = await kservePrograms();
  // KServe's agent does not start without a probe.
  const probe = { tcpSocket: { port: server.port, host: '127.0.0.1' }, successThreshold: 1 };
  const child = spawn(agent, ['--enable-puller', ...places, '--component-port', String(server.port)], {
    env: { PATH: process.env['PATH'], ...env, SERVING_READINESS_PROBE: JSON.stringify(probe) },
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  try {
    return await eventually(async () => {
      const text = await readFile(join(modelDir, 'm1', 'weights.txt'), 'utf8');
      expect(text).not.toBe('');
      return text;
    });
  } finally {
    child.kill('SIGKILL');
    await ended;
    await rm(modelDir, { recursive: true, force: true });
  }
}
