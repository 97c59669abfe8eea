import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { startAgent } from './agent.ts';
import type { TestAgent } from './agent.ts';
import { eventually } from './eventually.ts';
import { mirrorConfigMap } from './kubelet-stand-in.ts';
import { startMlserver, testMlserver, trainMany } from './mlserver.ts';
import { mountConfig } from './mounted-config.ts';
import type { ServedBy } from './played-node.ts';
import { startSklearnserver } from './sklearnserver.ts';
import { answerOfModel, MOVING, ON_MLSERVER, ON_SKLEARNSERVER } from './twelve-services.ts';
import type { Protocol } from './twelve-services.ts';

/**
 * Real model servers for the pods of {@link MOVING}: one of each kind for all single-model pods, and one for the
 * shared pods.
 */
export interface RealModelServers {
  /** The storageUri of the model of this name. */
  storageUri(name: string): string;
  /** The server of the single-model pods. */
  own(protocol: Protocol): ServedBy;
  /** Starts the shared pod of an InferenceService: a server and the shipped agent. */
  shared(client: ApiClient, service: string, protocol: Protocol): Promise<ServedBy>;
  stop(): Promise<void>;
}

export async function startRealModelServers(): Promise<RealModelServers> {
  const root = await mkdtemp(join(tmpdir(), 'kserve-mms-twelve-'));
  const ends: (() => Promise<unknown>)[] = [() => rm(root, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const { python } = await testMlserver();
    const trained = await trainMany(python, MOVING.length);
    const bytesOf = (name: string): Buffer => trained[answerOfModel(name) - 1] ?? Buffer.alloc(0);
    const store = await startStore(bytesOf);
    ends.push(store.stop);
    const directory = (name: string): string => join(root, name, 'models');
    const mlserver = async (place: string, loads: boolean): Promise<number> => {
      const server = await startMlserver(directory(place), {
        environment: {
          ...{ MLSERVER_HOST: '0.0.0.0', MLSERVER_PARALLEL_WORKERS: '0' },
          MLSERVER_LOAD_MODELS_AT_STARTUP: String(loads),
        },
      });
      ends.push(() => server.kill('SIGKILL'));
      await server.ready();
      return server.port;
    };
    const sklearnserver = async (place: string): Promise<number> => {
      const server = await startSklearnserver(directory(place));
      ends.push(server.stop);
      return server.port;
    };
    for (const name of ON_MLSERVER)
      await placeModel(join(directory('own-v2'), name), bytesOf(name), {
        ...{ name, implementation: 'mlserver_sklearn.SKLearnModel', parameters: { uri: './model.joblib' } },
      });
    for (const name of ON_SKLEARNSERVER) await placeModel(join(directory('own-v1'), name), bytesOf(name));
    const [ownV2, ownV1, sharedV2, sharedV1] = await Promise.all([
      ...[mlserver('own-v2', true), sklearnserver('own-v1')],
      ...[mlserver('shared-v2', false), sklearnserver('shared-v1')],
    ]);
    await loadAll(ownV1 ?? 0);
    const agentBeside = async (
      client: ApiClient,
      service: string,
      protocol: Protocol,
    ): Promise<TestAgent> => {
      const config = await mountConfig(join(root, `${service}-${ends.length}`));
      ends.push(mirrorConfigMap(client, `modelconfig-${service}-0`, config));
      const componentPort = (protocol === 'v2' ? sharedV2 : sharedV1) ?? 0;
      const modelDir = directory(`shared-${protocol}`);
      // Otherwise it looks for a server with an index, which sklearnserver does not have, also at 8080, where this
      // machine may run anything.
      const flags = ['--model-server-url', `http://127.0.0.1:${componentPort}`];
      const agent = await startAgent({ configDir: config.directory, modelDir, componentPort, flags });
      ends.push(() => agent.kill('SIGKILL'));
      return agent;
    };
    return {
      storageUri: store.uri,
      own: (protocol) => ({ port: (protocol === 'v2' ? ownV2 : ownV1) ?? 0 }),
      shared: agentBeside,
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function placeModel(directory: string, content: Buffer, settings?: object): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'model.joblib'), content);
  if (settings !== undefined)
    await writeFile(join(directory, 'model-settings.json'), JSON.stringify(settings));
}

async function loadAll(port: number): Promise<void> {
  for (const name of ON_SKLEARNSERVER)
    await eventually(async () => {
      const url = `http://127.0.0.1:${port}/v2/repository/models/${name}/load`;
      const { ok, status } = await fetch(url, { method: 'POST' });
      if (!ok) throw new Error(`the model ${name} is not loaded: ${status}`);
    }, 180_000);
}

async function startStore(bytesOf: (name: string) => Buffer) {
  const server = createServer((request, response) => {
    response.end(bytesOf(/^\/([^/]+)\//.exec(request.url ?? '')?.[1] ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    uri: (name: string) => `http://127.0.0.1:${port}/${name}/model.joblib`,
    stop: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
