import { access, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PODS, SECRETS } from '../../src/kube/resources.ts';
import {
  createModel,
  createService,
  inferenceService,
  modelNames,
  trainedModel,
} from '../support/cluster-client.ts';
import { runCommand } from '../support/command-run.ts';
import type { CommandOutcome } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { predictorPod } from '../support/predictor-pod.ts';
import { unpacked } from '../support/unpacked.ts';

const STRANGER = 'stranger-token';
/** Planted wherever an object can hold a secret. The archive must not contain it. */
const SECRET = 'hunter2';
/** Where the logger sends payloads. */
const SINK = `http://sender:${SECRET}@sink.example/logs?token=${SECRET}`;

/** A real API server and manager. The pods run on no node, so there are neither logs nor agents to read. */
describe('mms diagnostics', () => {
  let cluster: ManagedCluster;
  let directory: string;

  beforeAll(async () => {
    cluster = await startManagedCluster({ users: [{ name: 'stranger', token: STRANGER, groups: [] }] });
    directory = await mkdtemp(join(tmpdir(), 'mms-diagnostics-'));
    const { client } = cluster;
    await createService(
      client,
      inferenceService('flowers', {
        sklearn: { env: [{ name: 'KEY', value: SECRET }] },
        logger: { url: SINK, mode: 'all', storage: { key: 'k', parameters: { region: SECRET } } },
      }),
    );
    const storageUri = `https://models.example/tulip.zip?token=${SECRET}`;
    await createModel(client, trainedModel('tulip', 'flowers', { storageUri }));
    await eventually(async () => expect(await modelNames(client, 'flowers')).toEqual(['tulip']));
    await client.create(SECRETS, {
      metadata: { namespace: 'default', name: 'keys' },
      data: { key: Buffer.from(SECRET).toString('base64') },
    });
    const pod = predictorPod('flowers-1', 'flowers', ({ metadata, spec }) => {
      const annotations = {
        'example.com/applied': SECRET,
        'internal.serving.kserve.io/logger': 'true',
        'internal.serving.kserve.io/logger-sink-url': SINK,
        'internal.serving.kserve.io/logger-mode': 'all',
      };
      Object.assign(metadata, { annotations });
      spec.containers[0]!.args = ['--token', SECRET];
    });
    await client.create(PODS, pod);
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true });
  });

  async function diagnostics(file: string, ...more: readonly string[]): Promise<CommandOutcome> {
    const kubeconfig = ['--kubeconfig', cluster.controlPlane.kubeconfigPath];
    return runCommand(['diagnostics', ...kubeconfig, '--file', file, ...more]);
  }

  it('writes an archive that only its owner can read, and lists what it could not collect', async () => {
    const file = join(directory, 'whole.tar.gz');
    const { code, stdout, stderr } = await diagnostics(file);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${file}\n` });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const files = await unpacked(file);
    const kinds = ['inferenceservices', 'trainedmodels', 'configmaps', 'pods', 'events'];
    for (const kind of kinds) expect([...files.keys()]).toContain(`serving/${kind}.yaml`);
    expect(files.get('about.yaml')).toMatch(/^kubernetes: v1\.\d+\.\d+$/m);
    expect(files.get('serving/trainedmodels.yaml')).toContain('https://models.example/tulip.zip');
    expect(files.get('serving/pods.yaml')).toContain('name: agent');
    expect(files.get('manager/leases-kserve-mms.yaml')).toContain('holderIdentity');
    expect(files.get('missing.txt')).toContain('the agent of default/flowers-1');
    expect(stderr).toContain('not had: the agent of default/flowers-1');
  });

  it('contains no secret, wherever it was planted', async () => {
    const file = join(directory, 'planted.tar.gz');
    await diagnostics(file);
    const holders = [...(await unpacked(file))].filter(([, text]) => text.includes(SECRET));
    expect(holders.map(([name]) => name)).toEqual([]);
    const encoded = Buffer.from(SECRET).toString('base64');
    expect([...(await unpacked(file)).values()].filter((text) => text.includes(encoded))).toEqual([]);
    expect((await unpacked(file)).get('serving/pods.yaml')).toContain('http://sink.example/logs');
    expect(cluster.manager.log()).not.toContain(SECRET);
  });

  it('overwrites no file without --force', async () => {
    const file = join(directory, 'kept.tar.gz');
    await writeFile(file, 'mine');
    // The command refuses before it collects anything.
    expect(await diagnostics(file)).toEqual({
      ...{ code: 1, stdout: '' },
      stderr: `mms: cannot write ${file}: it is there already; name another with --file, or add --force\n`,
    });
    expect(await readFile(file, 'utf8')).toBe('mine');
    expect((await diagnostics(file, '--force')).code).toBe(0);
    expect((await unpacked(file)).has('about.yaml')).toBe(true);
  });

  it('writes no archive when nothing can be collected', async () => {
    const nowhere = join(directory, 'nowhere.yaml');
    const cluster = { name: 'c', cluster: { server: 'https://127.0.0.1:1' } };
    const contexts = [{ name: 'c', context: { cluster: 'c', user: 'u' } }];
    const config = {
      'current-context': 'c',
      contexts,
      clusters: [cluster],
      users: [{ name: 'u', user: {} }],
    };
    await writeFile(nowhere, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
    const file = join(directory, 'of-nothing.tar.gz');
    const { code, stdout, stderr } = await runCommand([
      'diagnostics',
      '--kubeconfig',
      nowhere,
      '--file',
      file,
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/mms: nothing could be had, not even .*ECONNREFUSED/);
    await expect(access(file)).rejects.toThrow('ENOENT');
  });

  it('writes an archive for a user without any right, and lists everything as missing', async () => {
    const { kubeconfigPath, token } = cluster.controlPlane;
    const kubeconfig = join(directory, 'stranger.kubeconfig');
    await writeFile(kubeconfig, (await readFile(kubeconfigPath, 'utf8')).replaceAll(token, STRANGER));
    const file = join(directory, 'stranger.tar.gz');
    const { code } = await runCommand(['bug-report', '--kubeconfig', kubeconfig, '--file', file]);
    expect(code).toBe(0);
    const files = await unpacked(file);
    expect([...files.keys()].sort()).toEqual(['about.yaml', 'missing.txt']);
    expect(files.get('missing.txt')).toMatch(/^serving\/trainedmodels: .*forbidden/m);
  });
});
