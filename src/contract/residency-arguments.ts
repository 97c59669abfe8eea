import { isRecord, recordOf } from '../lib/json.ts';
import { type Bytes, formatBytes } from '../lib/quantity.ts';
import type { InferenceService } from './inference-service.ts';
import { deploymentModeOf } from './deployment-mode.ts';
import {
  AGENT_PORT,
  CONTAINERS,
  predictorName,
  RESIDENCY_ANNOTATIONS,
  VOLUMES,
  WAIT_FOR_DRAIN_PATH,
  wakingServiceName,
} from './names.ts';
import type { Container, Pod } from './pod.ts';
import { defaultMemoryBudget, readBudget, readResidency } from './residency.ts';
import { containerNamed } from './served-component.ts';
import { statusPortOf } from './watched-pod.ts';

/** The agent's arguments for residency. */
interface ResidencyArguments {
  /** Placed after all others. Empty: the agent keeps every model in memory. */
  readonly args: readonly string[];
  /** Warnings for the user. */
  readonly warnings: readonly string[];
}

const RESIDENCY_FLAG = '--residency';
/** KServe's own agent, from any registry: kserve/agent. It exits on an unknown flag. */
const KSERVES_AGENT = /(?:^|\/)kserve\/agent(?:[:@]|$)/;

/**
 * The residency arguments for the agent of a pod, from the annotations of its InferenceService. Defaults come from the
 * pod: the memory limit of its model server, and the disk space for its models.
 */
export function residencyArguments(
  inferenceService: InferenceService,
  pod: Pod,
  agent: Container,
  kserveMode: string | undefined,
): ResidencyArguments {
  const { kind, memoryBudget, diskBudget } = readResidency(inferenceService.metadata.annotations);
  // Requests to Knative's pods always pass the agent.
  const isKnatives = containerNamed(pod, CONTAINERS.queueProxy) !== undefined;
  const warnings = [...residencyWarnings(inferenceService, isKnatives ? undefined : kserveMode)];
  if (kind === 'always' || hasFlag(agent)) return { args: [], warnings };
  if (KSERVES_AGENT.test(agent.image ?? '')) {
    const what = `${RESIDENCY_ANNOTATIONS.residency}: on-demand has no effect`;
    return {
      args: [],
      warnings: [...warnings, `${what}: the agent of this pod is KServe's own, ${agent.image ?? ''}`],
    };
  }
  const memory = memoryBudget ?? memoryLeftBy(pod);
  const disk = diskBudget ?? diskOf(pod, agent);
  if (memory === undefined) warnings.push(noMemoryBudget());
  return {
    args: [RESIDENCY_FLAG, 'on-demand', ...flag('--memory-budget', memory), ...flag('--disk-budget', disk)],
    warnings,
  };
}

/**
 * Makes the model server's container end after the agent. Kubelet ends all containers of a pod at once, and requests still
 * arrive for some seconds: without a model server no model could be loaded for them. An existing hook, such as Knative's,
 * stays.
 */
export function endedAfter(agent: Container, modelServer: Container): Container {
  const port = statusPortOf(agent);
  if (port === undefined || modelServer.lifecycle?.preStop != null) return modelServer;
  // With the defaults of the API server, so that it equals the hook of an existing pod.
  const preStop = { httpGet: { path: WAIT_FOR_DRAIN_PATH, port, scheme: 'HTTP' } };
  return { ...modelServer, lifecycle: { ...modelServer.lifecycle, preStop } };
}

/**
 * The warnings for the user about the residency of an InferenceService.
 *
 * @param kserveMode KServe's default deployment mode; undefined if KServe creates no predictors
 */
export function residencyWarnings(
  service: InferenceService,
  kserveMode: string | undefined,
): readonly string[] {
  const { kind, doubts } = readResidency(service.metadata.annotations);
  const past = kind === 'on-demand' && isReachedPastAgent(service, kserveMode);
  return [...doubts.map(({ message }) => message), ...(past ? [reachedPastAgent(service)] : [])];
}

/** In KServe's Standard mode the Service leads to the model server, unless it logs or batches. */
function isReachedPastAgent(service: InferenceService, kserveMode: string | undefined): boolean {
  if (kserveMode === undefined || deploymentModeOf(service, kserveMode) !== 'Standard') return false;
  const { logger, batcher } = recordOf(service.spec?.predictor);
  return logger == null && batcher == null;
}

function reachedPastAgent({ metadata: { name, namespace = 'default' } }: InferenceService): string {
  return (
    `KServe's Service ${predictorName(name)} leads past the agent, and no request by it wakes a model; make one that does: ` +
    makeWakingService(namespace, name)
  );
}

/** The command that creates a Service which leads to the agent. */
export function makeWakingService(namespace: string, inferenceService: string): string {
  return (
    `kubectl expose deployment ${predictorName(inferenceService)} --name ${wakingServiceName(inferenceService)} ` +
    `--port 80 --target-port ${AGENT_PORT} -n ${namespace}`
  );
}

/** The warning when nothing sets the memory that models may use. */
function noMemoryBudget(): string {
  return (
    `the model server has no memory limit, and ${RESIDENCY_ANNOTATIONS.memoryBudget} is not set: no model ever makes room for ` +
    'another. Set one of the two'
  );
}

function hasFlag({ args }: Container): boolean {
  return args?.some((arg) => arg === RESIDENCY_FLAG || arg.startsWith(`${RESIDENCY_FLAG}=`)) === true;
}

function flag(name: string, amount: Bytes | undefined): string[] {
  return amount === undefined ? [] : [name, formatBytes(amount)];
}

function memoryLeftBy(pod: Pod): Bytes | undefined {
  const server = containerNamed(pod, CONTAINERS.modelServer);
  const limit = limitOf(server, 'memory') ?? amountIn(pod.spec.resources?.limits, 'memory');
  return limit && defaultMemoryBudget(limit);
}

function diskOf(pod: Pod, agent: Container): Bytes | undefined {
  const volume = pod.spec.volumes?.find(({ name }) => name === VOLUMES.modelDir);
  return amountIn(volume?.emptyDir, 'sizeLimit') ?? limitOf(agent, 'ephemeral-storage');
}

function limitOf(container: Container | undefined, resource: string): Bytes | undefined {
  return amountIn(container?.resources?.['limits'], resource);
}

function amountIn(amounts: unknown, field: string): Bytes | undefined {
  const amount = isRecord(amounts) ? amounts[field] : undefined;
  return typeof amount === 'string' || typeof amount === 'number' ? readBudget(String(amount)) : undefined;
}
