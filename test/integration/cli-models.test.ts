import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { agentScene } from '../support/agent-scene.ts';
import type { AgentScene } from '../support/agent-scene.ts';
import type { TestAgent } from '../support/agent.ts';
import { createService, inferenceService, modelNames } from '../support/cluster-client.ts';
import { runCommand, startCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { mirrorConfigMap } from '../support/kubelet-stand-in.ts';
import { PODS } from '../../src/kube/resources.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { predictorPod } from '../support/predictor-pod.ts';
import { placePod } from '../support/predictor-pods.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/mms.js', import.meta.url));
/** A real API server does not proxy requests to pods with a loopback address. */
const NOT_PASSED_ON = /not allowed/;

/** A real API server, a real manager and a real agent; its model server speaks V2, its source is a web server. */
describe('models from the command line', () => {
  let cluster: ManagedCluster;
  let scene: AgentScene;
  let agent: TestAgent;
  let endMirror: () => Promise<void>;

  const mms = (command: string, ...args: readonly string[]) =>
    runCommand([command, '--kubeconfig', cluster.controlPlane.kubeconfigPath, ...args]);
  const load = (name: string, uri: string, ...more: readonly string[]) =>
    mms('load', name, '-i', 'sk', '-u', uri, '--framework', 'sklearn', '--memory', '100Mi', ...more);

  beforeAll(async () => {
    cluster = await startManagedCluster();
    await createService(cluster.client, inferenceService('sk', { sklearn: { protocolVersion: 'v2' } }));
    scene = await agentScene();
    endMirror = mirrorConfigMap(cluster.client, 'modelconfig-sk-0', scene.config);
    agent = await scene.start();
    const { statusPort, port: agentPort } = agent;
    await placePod(cluster.client, { name: 'sk-0', service: 'sk', statusPort, agentPort });
  });

  afterAll(async () => {
    await endMirror();
    await scene.end();
    await cluster.stop();
  });

  it('loads a model and waits until it is Ready, with progress on stderr', async () => {
    const { code, stdout, stderr } = await load('good', scene.source.uri('weights'));
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'trainedmodel/good created\n' });
    expect(stderr.trim().split('\n').at(-1)).toBe('good: Ready');
    expect(await agent.model('good')).toMatchObject({ phase: 'Loaded' });
  });

  it('changes a model, and returns once the new version is loaded', async () => {
    const uri = scene.source.uri('weights-v2');
    const { code, stdout } = await mms('load', 'good', '-u', uri, '-o', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ version: 'kserve-mms/load.v1', action: 'configured' },
      model: { name: 'good', ready: 'True', phase: 'Loaded' },
    });
    expect(await scene.infer(agent, 'good')).toBe('weights-v2');
    expect((await mms('load', 'good', '-u', uri)).stdout).toBe('trainedmodel/good unchanged\n');
  });

  it('waits through failures, and gives the reason at the timeout', async () => {
    const uri = scene.source.uri('mended');
    const { pathname } = new URL(uri);
    scene.source.misbehave(pathname, (_request, response) => {
      response.statusCode = 503;
      response.end('down for maintenance');
    });
    const late = await load('bad', uri, '--timeout', '5s', '-o', 'json');
    expect(late.code).toBe(1);
    expect(JSON.parse(late.stdout)).toMatchObject({
      ...{
        action: 'created',
        model: { name: 'bad', phase: 'Failed', message: expect.stringContaining('503') },
      },
    });
    expect(late.stderr).toMatch(/^mms: model bad was not Ready after 5 s: Failed .*pod sk-0: .*503/m);
    const fast = await load('bad', uri, '--fail-fast', '--timeout', '60s');
    expect(fast.code).toBe(1);
    expect(fast.stderr).toMatch(/^mms: model bad is not loaded: Failed .*503/m);
    const waiting = startCommand([
      ...['load', 'bad', '--kubeconfig', cluster.controlPlane.kubeconfigPath, '--timeout', '100s'],
    ]);
    await eventually(() => expect(waiting.stderr()).toContain('bad: Failed'));
    scene.source.misbehave(pathname, undefined);
    expect(await waiting.ended).toBe(0);
    expect(waiting.stderr()).toMatch(/bad: Ready\n$/);
  });

  it('stops waiting at Ctrl-C', async () => {
    const config = ['--kubeconfig', cluster.controlPlane.kubeconfigPath];
    const model = ['-u', 's3://b/m', '--framework', 'sklearn', '--memory', '1Mi'];
    const waiting = startCommand(['load', 'lost', '-i', 'nowhere', ...model, ...config]);
    await eventually(() => expect(waiting.stderr()).toContain('lost: InferenceServiceNotFound'));
    waiting.interrupt();
    expect(await waiting.ended).toBe(1);
    expect(waiting.stderr()).toContain('was not Ready when you stopped waiting: InferenceServiceNotFound');
  });

  it('does not wait for a failure that only a user can fix, and says how to see the reason', async () => {
    const limits = { memory: '100Mi' };
    await createService(cluster.client, inferenceService('small', { sklearn: { resources: { limits } } }));
    const big = await mms(
      'load',
      'huge',
      '-i',
      'small',
      '-u',
      's3://b/m',
      '--framework',
      'tensorflow',
      '--memory',
      '1Gi',
      '--timeout',
      '100s',
    );
    expect(big).toMatchObject({ code: 1, stdout: 'trainedmodel/huge created\n' });
    expect(big.stderr).toMatch(
      /^warning: its framework is "tensorflow", and the predictor of InferenceService small is of the format sklearn$/m,
    );
    expect(big.stderr).toMatch(
      /^mms: model huge is not loaded: MemoryResourceNotAvailable: .*; why: mms explain tm\/huge -n default$/m,
    );
    expect((await mms('unload', 'huge', '--no-wait')).code).toBe(0);
  });

  it('shows the versions that run', async () => {
    const { code, stdout } = await mms('version');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^client: .*\nmanager: none\nagents: .+ \(1 of 1 pod ready\)\n$/);
  });

  it('unloads a model that was never loaded', async () => {
    await createService(cluster.client, inferenceService('idle', { sklearn: {} }));
    await cluster.client.create(PODS, predictorPod('idle-0', 'idle'));
    const loaded = await mms(
      'load',
      'never',
      '-i',
      'idle',
      '-u',
      's3://b/m',
      '--framework',
      'sklearn',
      '--memory',
      '1Mi',
      '--no-wait',
    );
    expect(loaded.code).toBe(0);
    const { code, stderr } = await mms('unload', 'never');
    expect({ code, last: stderr.trim().split('\n').at(-1) }).toEqual({
      code: 0,
      last: 'never: deleted; no replica that runs can have it',
    });
  });

  it('passes on warnings and refusals of the webhooks, and stores nothing in a dry run', async () => {
    const args = ['-u', 's3://b/m', '--framework', 'sklearn', '--memory', '1Mi', '--dry-run'];
    const warned = await mms('load', 'trial', '-i', 'no/where', ...args);
    expect(warned).toMatchObject({ code: 0, stdout: 'trainedmodel/trial created (dry run)\n' });
    expect(warned.stderr).toMatch(/^warning: .*no\/where/);
    const denied = await mms('load', 'trial', '-i', 'sk', ...args, '-u', 'ftp://b/m');
    expect(denied.code).toBe(1);
    expect(denied.stderr).toMatch(/^mms: .*ftp/);
    expect((await mms('unload', 'trial')).stderr).toMatch(/there is no TrainedModel "trial"/);
  });

  it('names missing flags with exit code 2', async () => {
    expect(await mms('load', 'new', '-i', 'sk', '-u', 's3://b/m')).toEqual({
      ...{ code: 2, stdout: '' },
      stderr:
        'mms: --framework is needed: there is no TrainedModel new yet\n' +
        'mms: --memory is needed: there is no TrainedModel new yet\n',
    });
    const { code, stderr } = await mms('load', 'new', '--timeout', 'soon');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('90s or 2m') });
  });

  it('sends a request to a model at an address', async () => {
    const request = ['-d', '{"inputs":[]}', '--url', `http://127.0.0.1:${agent.port}`];
    const { code, stdout, stderr } = await mms('infer', 'good', ...request);
    expect({ code, stdout: JSON.parse(stdout) as unknown }).toMatchObject({
      code: 0,
      stdout: { content: 'weights-v2' },
    });
    expect(stderr).toMatch(/^200 from http:\/\/127\.0\.0\.1:\d+\/v2\/models\/good\/infer after [\d.]+ ms\n$/);
    const document = await mms('infer', 'good', ...request, '-o', 'json');
    expect(JSON.parse(document.stdout)).toMatchObject({
      ...{ version: 'kserve-mms/infer.v1', status: 200, protocol: 'v2', answer: { content: 'weights-v2' } },
    });
    const piped = ['infer', 'good', '--kubeconfig', cluster.controlPlane.kubeconfigPath];
    const { code: fromStdin } = await runCommand([...piped, ...request, '-d', '-'], {
      input: '{"inputs":[]}',
    });
    expect(fromStdin).toBe(0);
  });

  it('says why a model does not answer', async () => {
    const address = ['--url', `http://127.0.0.1:${agent.port}`];
    const unready = await mms('infer', 'lost', '-d', '{"inputs":[]}', '--protocol', 'v2', ...address);
    expect(unready.code).toBe(1);
    expect(unready.stderr).toMatch(/answered 404: .*; its TrainedModel says: InferenceServiceNotFound/s);
    const elsewhere = await mms('infer', 'good', '-d', '{"inputs":[]}', '--url', 'http://127.0.0.1:1');
    expect(elsewhere.stderr).toMatch(
      /127\.0\.0\.1:1\/v2\/models\/good\/infer does not answer \(connect ECONNREFUSED .*right address\?/,
    );
    // Nothing writes the status of an InferenceService here.
    const homeless = await mms('infer', 'good', '-d', '{"inputs":[]}', '--via', 'direct');
    expect(homeless.stderr).toMatch(/the TrainedModel has no URL yet: Ready; name one with --url/);
    const wrong = await mms('infer', 'good', '-d', '{"instances":[]}');
    expect(wrong.stderr).toMatch(/cannot be sent: the v2 protocol wants an object with "inputs"/);
    const nobody = await mms('infer', 'lost', '-d', '{"instances":[]}');
    expect(nobody.stderr).toMatch(/InferenceService nowhere has no ready pod with an agent \(pods: 0\)/);
    expect((await mms('infer', 'god', '-d', '{}')).stderr).toContain('did you mean good');
  });

  it('reports that the API server refuses to proxy to a pod, and shows the rest', async () => {
    const asked = await mms('infer', 'good', '-d', '{"inputs":[]}');
    expect({ code: asked.code, stderr: asked.stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(NOT_PASSED_ON),
    });
    const top = await mms('top', 'sk');
    expect(top.code).toBe(0);
    expect(top.stdout).toMatch(/^good +sk +100Mi +- +- /m);
    expect(top.stderr).toMatch(/^not counted: pod default\/sk-0: /);
    expect((await mms('top', 'skk')).stderr).toMatch(/InferenceService with models "skk".*did you mean sk\?/);
  });

  it('unloads a model, and names the replicas whose state is unknown', async () => {
    const { code, stdout, stderr } = await mms('unload', 'tm/good');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'trainedmodel/good deleted\n' });
    expect(stderr).toMatch(
      /good: no models.json names it any more; .* not known of 1 of 1 replicas: pod sk-0: /,
    );
    expect(await modelNames(cluster.client, 'sk')).toEqual(['bad']);
    expect((await mms('status', 'good')).code).toBe(1);
    expect((await mms('unload', 'lost', '--no-wait', '-o', 'json')).stdout).toContain('"waited": false');
  });

  it('works the same from a shell, and ends at Ctrl-C', async () => {
    const run = promisify(execFile);
    const args = [
      LAUNCHER,
      'status',
      '--kubeconfig',
      cluster.controlPlane.kubeconfigPath,
      '-m',
      '-o',
      'json',
    ];
    const { stdout, stderr } = await run(process.execPath, args);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      models: [{ name: 'bad', phase: 'Loaded', replicas: { loaded: 1, total: 1 } }],
    });
    const watching = spawn(process.execPath, [...args, '--watch'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(watching.stdout, 'data');
    const exited = once(watching, 'exit');
    watching.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
  });
});
