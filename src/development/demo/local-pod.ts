import { join } from 'node:path';
import { freePorts } from '../controlplane/ports.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { ConfigMap } from '../../contract/kubernetes.ts';
import type { Logger } from '../../lib/log.ts';
import { READINESS_PROBE_ENV } from '../../contract/agent-container.ts';
import { containerNamed } from '../../contract/served-component.ts';
import {
  CONTAINERS,
  DEFAULT_COMPONENT_PORT,
  DEFAULT_CONFIG_MOUNT_PATH,
  DEFAULT_MODEL_DIR,
} from '../../contract/names.ts';
import type { Pod } from '../../contract/pod.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { startReflector } from '../../kube/reflector.ts';
import type { Reflector } from '../../kube/reflector.ts';
import { CONFIG_MAPS, SECRETS } from '../../kube/resources.ts';
import { startServerChild } from './child-process.ts';
import type { ServerChild, ServerChildOptions } from './child-process.ts';
import { startRestartingChild } from './restarting-child.ts';
import { containerEnvironment } from './container-environment.ts';
import { mountConfigMap } from './config-map-mount.ts';

interface LocalPodOptions {
  /** As the API server stored it, with the injected agent. */
  readonly pod: Pod;
  /** The ConfigMap of its volume `model-config`. */
  readonly configMap: { readonly namespace: string; readonly name: string };
  /** For its volumes and logs. */
  readonly directory: string;
  /** The program mlserver. */
  readonly mlserver: string;
  /** The launcher, bin/mms.js. */
  readonly launcher: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of the agent; free ones unless given. */
  readonly ports?: AgentPorts;
  /** For the files with the numbers of its processes, and how they begin. */
  readonly pidFiles?: string;
  /** Restart a container that ends, as kubelet does, and say so here; without it one that ends stays away. */
  readonly onRestart?: (line: string) => void;
}

/** Where an agent listens, for traffic and for questions about its models. */
export interface AgentPorts {
  readonly host: string;
  readonly port: number;
  readonly status: number;
}

/** A pod's two containers as processes on 127.0.0.1, on ports and directories of their own. */
export interface LocalPod {
  /** Where the pod's traffic arrives: the agent. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Runs the containers of an injected pod: what kubelet would do, with the arguments that the webhook gave. Resolves once the
 * agent's readiness probe passes, which is when the first models are loaded.
 */
export async function runLocalPod(options: LocalPodOptions): Promise<LocalPod> {
  const { directory, clock } = options;
  const [server = 0, grpc = 0, metrics = 0, freePort = 0, freeStatus = 0] = await freePorts(5);
  const ports = options.ports ?? { host: '127.0.0.1', port: freePort, status: freeStatus };
  const { host, port, status } = ports;
  const configDir = join(directory, 'config');
  const modelDir = join(directory, 'models');
  const follower = await followConfigMap(options, configDir);
  const children: Pick<ServerChild, 'stop'>[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await child.stop();
    await follower.stop();
  };
  try {
    children.push(await startModelServer(options, modelDir, { server, grpc, metrics }));
    const args = agentArgs(options.pod, { configDir, modelDir, server });
    children.push(
      await startContainer(options, {
        ...{ what: 'the agent', clock, logFile: join(directory, 'agent.log'), ...pidFile(options, 'agent') },
        command: process.execPath,
        args: [options.launcher, 'agent', ...args, '--port', String(port), '--status-port', String(status)],
        environment: { ...options.environment, ...(await agentEnvironment(options, server)) },
        readyUrl: `http://${host}:${port}/`,
        // By this header the agent knows kubelet's probe from traffic.
        readyHeaders: { 'K-Network-Probe': 'queue' },
      }),
    );
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return { url: `http://${host}:${port}`, stop };
}

/** MLServer as KServe runs it for many models: empty at start, with the models' volume as its repository. */
function startModelServer(
  options: LocalPodOptions,
  modelDir: string,
  ports: { readonly server: number; readonly grpc: number; readonly metrics: number },
): Promise<Pick<ServerChild, 'stop'>> {
  const { mlserver, environment, directory, clock } = options;
  return startContainer(options, {
    ...{ what: 'MLServer', clock, logFile: join(directory, 'mlserver.log'), ...pidFile(options, 'mlserver') },
    command: mlserver,
    args: ['start', modelDir],
    // It leaves directories for metrics and environments where it starts.
    cwd: directory,
    environment: {
      ...environment,
      MLSERVER_HOST: '127.0.0.1',
      MLSERVER_HTTP_PORT: String(ports.server),
      MLSERVER_GRPC_PORT: String(ports.grpc),
      MLSERVER_METRICS_PORT: String(ports.metrics),
      MLSERVER_LOAD_MODELS_AT_STARTUP: 'false',
    },
    readyUrl: `http://127.0.0.1:${ports.server}/v2/health/ready`,
  });
}

function startContainer(
  { onRestart }: LocalPodOptions,
  server: ServerChildOptions,
): Promise<Pick<ServerChild, 'stop'>> {
  return onRestart === undefined ? startServerChild(server) : startRestartingChild(server, onRestart);
}

function pidFile({ pidFiles }: LocalPodOptions, what: string): { readonly pidFile?: string } {
  return pidFiles === undefined ? {} : { pidFile: `${pidFiles}-${what}.pid` };
}

/** The arguments the webhook gave, with this machine's directories and port in the place of the pod's. */
function agentArgs(
  pod: Pod,
  here: { readonly configDir: string; readonly modelDir: string; readonly server: number },
): string[] {
  const injected = containerNamed(pod, CONTAINERS.agent)?.args ?? [];
  return injected.map((arg, index) => {
    if (arg === DEFAULT_CONFIG_MOUNT_PATH) return here.configDir;
    if (arg === DEFAULT_MODEL_DIR) return here.modelDir;
    return injected[index - 1] === '--component-port' ? String(here.server) : arg;
  });
}

/** What the webhook put into the agent's environment, with the values that kubelet takes from Secrets. */
async function agentEnvironment(
  { pod, client, configMap }: LocalPodOptions,
  server: number,
): Promise<Record<string, string>> {
  const injected = (containerNamed(pod, CONTAINERS.agent)?.env ?? []).map((variable) =>
    variable.name === READINESS_PROBE_ENV
      ? {
          ...variable,
          value: (variable.value ?? '').replaceAll(`"port":${DEFAULT_COMPONENT_PORT}`, `"port":${server}`),
        }
      : variable,
  );
  const { namespace } = configMap;
  return containerEnvironment(injected, (name) => client.get(SECRETS, { namespace, name }));
}

/** Writes the ConfigMap into a directory, and again whenever it changes. */
async function followConfigMap(options: LocalPodOptions, directory: string): Promise<Reflector<ConfigMap>> {
  const mount = await mountConfigMap(directory);
  let written = Promise.resolve();
  const reflector = startReflector({
    ...options,
    resource: CONFIG_MAPS,
    namespace: options.configMap.namespace,
    fieldSelector: `metadata.name=${options.configMap.name}`,
  });
  reflector.subscribe((delta) => {
    // A volume keeps what it has when its ConfigMap is deleted.
    if (delta.type === 'synced' || delta.type === 'deleted') return;
    const { data = {} } = delta.object;
    written = written.then(() => mount.update(data));
  });
  await reflector.synced;
  await written;
  return reflector;
}
