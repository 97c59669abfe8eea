import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { conditionOf } from '../../contract/trained-model-status.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { CLUSTER_SERVING_RUNTIMES, INFERENCE_SERVICES, TRAINED_MODELS } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import { seconds } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';
import { packageFile } from '../../lib/package-files.ts';
import { freePorts } from '../controlplane/ports.ts';
import { ROWS, trainModels } from '../demo/example-models.ts';
import { serveFiles } from '../demo/file-source.ts';
import { startManagerProcess } from '../demo/manager-process.ts';
import type { ManagerProcess } from '../demo/manager-process.ts';
import { runLocalNode } from './local-node.ts';
import type { LocalNodeOptions } from './local-node-options.ts';

interface LocalServingOptions extends LocalNodeOptions {
  readonly kubeconfig: string;
  readonly python: string;
  /** Of the manager's page, at the loopback. */
  readonly pagePort: number;
}

/** The InferenceService of the examples, in the namespace `default`. */
const SERVICE = 'classifiers';
const NAMESPACE = 'default';
const RUNTIME = fileURLToPath(packageFile('manifests/runtimes/mlserver.yaml'));
const READY_WITHIN = seconds(180);
const POLL = seconds(0.25);

/** The models of the examples did not become Ready. */
class ExamplesNotReadyError extends MmsError {
  readonly code = 'EXAMPLES_NOT_READY';
  readonly retryable = true;
}

/**
 * Serves models on this machine until stopped: the manager makes predictors, which run here as processes, and the
 * examples' models are made and loaded.
 *
 * @param whenReady called once every model of the examples is Ready
 * @throws {MmsError} when something does not start
 */
export async function serveLocally(
  options: LocalServingOptions,
  whenReady: () => Promise<void>,
  stopped: AbortSignal,
): Promise<void> {
  const { directory, say } = options;
  say('training the models of the examples …');
  const trained = join(directory, 'trained');
  await rm(trained, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await trainModels(trained, options);
  const source = await serveFiles(trained);
  const failed = new AbortController();
  const ended = AbortSignal.any([stopped, failed.signal]);
  let manager: ManagerProcess | undefined;
  let node = Promise.resolve();
  try {
    say('starting the manager …');
    manager = await startManager(options);
    node = runLocalNode(options, ended);
    await applyExamples(options.client, source.uriOf);
    say('starting MLServer and the agent, which load the models …');
    await untilReady(options, ended);
    if (!ended.aborted) await whenReady();
    await node;
  } finally {
    failed.abort();
    await node;
    await manager?.stop();
    await source.stop();
  }
}

async function startManager(options: LocalServingOptions): Promise<ManagerProcess> {
  const { launcher, kubeconfig, clock, directory, pidDirectory, pagePort } = options;
  const [webhook = 0, metrics = 0, health = 0] = await freePorts(3);
  return startManagerProcess({
    ...{ launcher, kubeconfig, clock, ports: { webhook, metrics, health } },
    logFile: join(directory, 'manager.log'),
    pidFile: join(pidDirectory, 'manager.pid'),
    args: ['--predictors', '--page-port', String(pagePort)],
  });
}

/** A runtime, an InferenceService without a storageUri, and a TrainedModel for each model. */
async function applyExamples(client: ApiClient, uriOf: (path: string) => string): Promise<void> {
  const apply = (resource: Resource, object: KubernetesObject): Promise<unknown> =>
    client.patch(resource, object.metadata, {
      ...{ type: 'apply', fieldManager: 'mms-cluster-serve', force: true, body: object },
    });
  await apply(CLUSTER_SERVING_RUNTIMES, parse(await readFile(RUNTIME, 'utf8')) as KubernetesObject);
  const model = { modelFormat: { name: 'sklearn' }, protocolVersion: 'v2' };
  const resources = { limits: { memory: '2Gi' } };
  await apply(INFERENCE_SERVICES, {
    metadata: { namespace: NAMESPACE, name: SERVICE },
    spec: { predictor: { model: { ...model, resources } } },
  } as KubernetesObject);
  for (const name of ROWS.keys()) {
    const from = { storageUri: uriOf(`${name}/model.joblib`), framework: 'sklearn', memory: '64Mi' };
    await apply(TRAINED_MODELS, {
      metadata: { namespace: NAMESPACE, name },
      spec: { inferenceService: SERVICE, model: from },
    } as KubernetesObject);
  }
}

async function untilReady({ client, clock }: LocalServingOptions, stopped: AbortSignal): Promise<void> {
  const deadline = clock.monotonic() + READY_WITHIN;
  const isReady = ({ status }: { readonly status?: unknown }): boolean =>
    conditionOf(status ?? {}, 'Ready')?.status === 'True';
  while (!stopped.aborted) {
    const { items } = await client.list(TRAINED_MODELS, { namespace: NAMESPACE });
    const examples = items.filter(({ metadata }) => ROWS.has(metadata.name));
    if (examples.length === ROWS.size && examples.every(isReady)) return;
    if (clock.monotonic() > deadline) {
      const waiting = examples.filter((model) => !isReady(model)).map(({ metadata }) => metadata.name);
      throw new ExamplesNotReadyError(
        `the models ${waiting.join(', ')} were not Ready after ${READY_WITHIN / 1000} s; ` +
          `mms explain tm/${waiting[0] ?? ''} says why`,
      );
    }
    await clock.sleep(POLL, stopped);
  }
}
