import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from '@jest/globals';
import { run } from '../../src/cli/program.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { Explanation } from '../../src/explanation/chain.decide.ts';
import type { LinkId } from '../../src/explanation/links.decide.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { INFERENCE_SERVICES, PODS } from '../../src/kube/resources.ts';
import { agentScene } from './agent-scene.ts';
import type { AgentScene } from './agent-scene.ts';
import { clientFor } from './api-access.ts';
import { createModel, createService, inferenceService, trainedModel } from './cluster-client.ts';
import { testControlPlane } from './control-plane.ts';
import { eventually } from './eventually.ts';
import { mirrorConfigMap } from './kubelet-stand-in.ts';
import { startTestManager } from './manager.ts';
import type { TestManager } from './manager.ts';
import { placePod } from './predictor-pods.ts';

/** One real fault, and the expected explanation. */
export interface Fault {
  readonly fault: string;
  readonly prepare: () => Promise<unknown>;
  /** The arguments of `mms explain`, with the namespace if it is not `default`. */
  readonly ask: readonly string[];
  readonly broken: LinkId;
  /** Expected in the message or the advice. */
  readonly words: RegExp;
}

export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real API server and a real manager, in which faults are prepared. */
export interface ExplainScene {
  readonly client: ApiClient;
  readonly manager: TestManager;
  /** Runs a command line of `mms` on this cluster. */
  mms(...args: string[]): Promise<CommandOutcome>;
  /** Creates an InferenceService with one model of the same name. */
  served(name: string, predictor?: object, memory?: string): Promise<void>;
  /** Writes the status of the InferenceService, as its controller does. */
  sayOf(name: string, status: object): Promise<void>;
  /** The same, with an injected pod `<name>-0` and this status from kubelet. */
  servedWithPod(name: string, status: object): Promise<void>;
  /** The same, with a real agent and a model server that speaks V2. */
  servedByAgent(name: string, setup: AgentSetup): Promise<void>;
  stop(): Promise<void>;
}

export interface AgentSetup {
  /** Whether the ConfigMap reaches the agent, as with kubelet. */
  readonly mirrored: boolean;
  /** The model's URI; may also set up the fault. */
  readonly uri?: (scene: AgentScene) => string;
}

const STATUS = { subresource: 'status' } as const;

/** A container that is not ready, as kubelet reports it. */
const CONTAINER = { name: 'kserve-container', ready: false, restartCount: 3, image: 'x', imageID: '' };

export async function startExplainScene(): Promise<ExplainScene> {
  const controlPlane = await testControlPlane();
  const client = clientFor(controlPlane);
  const manager = await startTestManager({ kubeconfig: controlPlane.kubeconfigPath });
  const scenes: AgentScene[] = [];
  const mirrors: (() => Promise<void>)[] = [];

  async function served(name: string, predictor: object = { sklearn: {} }, memory = '1Mi'): Promise<void> {
    await createService(client, inferenceService(name, predictor));
    await createModel(client, trainedModel(name, name, { memory }));
  }

  // The webhook learns of a new InferenceService by its watch.
  const placed = (name: string, statusPort: number): Promise<void> =>
    eventually(() => placePod(client, { name: `${name}-0`, service: name, statusPort }));

  return {
    ...{ client, manager, served },
    mms: (...args) => runMms(controlPlane, args),
    async sayOf(name, status) {
      const service = { namespace: 'default', name };
      await client.patch(INFERENCE_SERVICES, service, { type: 'merge', body: { status } }, STATUS);
    },
    async servedWithPod(name, status) {
      await served(name);
      await placed(name, 9082);
      const pod = { namespace: 'default', name: `${name}-0` };
      await client.patch(PODS, pod, { type: 'merge', body: { status } }, STATUS);
    },
    async servedByAgent(name, { mirrored, uri }) {
      const scene = await agentScene();
      scenes.push(scene);
      await createService(client, inferenceService(name));
      if (mirrored) mirrors.push(mirrorConfigMap(client, `modelconfig-${name}-0`, scene.config));
      else await scene.config.write('[]');
      const { statusPort } = await scene.start();
      await placed(name, statusPort);
      await createModel(
        client,
        trainedModel(name, name, { storageUri: uri?.(scene) ?? scene.source.uri(name) }),
      );
    },
    async stop() {
      await Promise.all(mirrors.map((end) => end()));
      await Promise.all(scenes.map((scene) => scene.end()));
      await manager.stop();
      await client.close();
      await controlPlane.stop();
    },
  };
}

async function runMms(controlPlane: ControlPlane, args: readonly string[]): Promise<CommandOutcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run([...args, '--kubeconfig', controlPlane.kubeconfigPath], {
    ...{ environment: {}, stdin: new PassThrough(), stdout, stderr },
    interruption: () => new AbortController().signal,
  });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

/** The status that kubelet reports for a container that does not start. */
export function waitingStatus(reason: string, message: string): object {
  return {
    phase: 'Pending',
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [{ ...CONTAINER, state: { waiting: { reason, message } } }],
  };
}

/** The status of a model server that runs and does not answer its probe. */
export const UNREADY_STATUS: object = {
  conditions: [{ type: 'Ready', status: 'False' }],
  containerStatuses: [{ ...CONTAINER, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }],
};

/** The same object with a foreign finalizer. */
export function held(object: KubernetesObject): KubernetesObject {
  return { ...object, metadata: { ...object.metadata, finalizers: ['example.com/hold'] } };
}

/** Waits until the explanation has this broken link, these words and exit code 1. */
export function expectBroken({ mms }: ExplainScene, { ask, broken, words }: Fault): Promise<void> {
  return eventually(async () => {
    const { code, stdout, stderr } = await mms('explain', ...ask, '-o', 'json');
    const found = JSON.parse(stdout || '{}') as Partial<Explanation>;
    expect({ id: found.broken?.id, stderr }).toMatchObject({ id: broken });
    expect(`${found.broken!.message} ${found.broken!.advice ?? ''}`).toMatch(words);
    expect(code).toBe(1);
  }, 60_000);
}
