import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { NOTHING, milliCpu, requestsIn, sumOf, times, wholeMebibytes, withMargin } from './amounts.decide.ts';
import type { Amount, MilliCpu } from './amounts.decide.ts';
import type { Candidate } from './candidate.decide.ts';

/** The user's assumptions, which the report prints. */
export interface Assumptions {
  /** The memory of an empty server; takes precedence over known values. */
  readonly emptyServer: Bytes | undefined;
  /** The memory of a model that was not measured. */
  readonly modelMemory: Bytes | undefined;
  /** The margin above what was measured, as a share of it. */
  readonly margin: number;
  /** The most that a shared pod may request for its model server. */
  readonly podMemory: Bytes;
  readonly modelsPerPod: number;
}

/** KServe's own defaults for an InferenceService (`inferenceService.resource` in its ConfigMap, v0.17). */
export const KSERVE_REQUESTS: Amount = { cpu: milliCpu(1000), memory: bytes(2n * 1024n ** 3n) };
/**
 * The least for any model: small models need some memory too, and so do the agent's and the server's records of them.
 */
const LEAST = bytes(4n * 1024n ** 2n);
/** For a model of which only is known that it fits beside an empty server. */
const GUESS = bytes(64n * 1024n ** 2n);

/** Objects in memory are larger than their files, which are often compressed; the factor depends on the library. */
const ARTIFACT_TIMES = 2n;

/** The source of a model's memory. */
type MemorySource = 'measured' | 'given' | 'artifact' | 'declared' | 'guess';

export interface ModelMemory {
  readonly memory: Bytes;
  readonly source: MemorySource;
}

/** The requests of a predictor's pods: of the running ones, or without a cluster of the manifest. */
interface PodRequests {
  readonly count: number;
  /** The least number of pods: not fewer than run, or than the manifest sets. */
  readonly wanted: number;
  /** Of one pod. */
  readonly server: Amount;
  readonly beside: Amount;
  /** Of all its pods. */
  readonly total: Amount;
}

export function podRequestsOf({ pods, predictor, request, runtimeContainer }: Candidate): PodRequests {
  const [first] = pods ?? [];
  const written = writtenReplicas(predictor['minReplicas']);
  if (pods !== undefined && first !== undefined) {
    const total = sumOf(pods.flatMap(({ server, beside, agent }) => [server, beside, agent]));
    const server = {
      cpu: milliCpu(Math.max(...pods.map((pod) => pod.server.cpu))),
      memory: pods.reduce((most, pod) => (pod.server.memory > most ? pod.server.memory : most), bytes(0)),
    };
    return {
      count: pods.length,
      wanted: Math.max(pods.length, written),
      server,
      beside: first.beside,
      total,
    };
  }
  const server = {
    ...KSERVE_REQUESTS,
    ...requestsIn(runtimeContainer?.['resources']),
    ...requestsIn(request?.overrides['resources']),
  };
  const count = pods === undefined ? written : 0;
  return { count, wanted: written, server, beside: NOTHING, total: times(server, count) };
}

/** The limit of the 32-bit field; an invalid value counts as not set. */
const MOST_REPLICAS = 2 ** 31 - 1;

function writtenReplicas(value: unknown): number {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0;
  return isCount && value <= MOST_REPLICAS ? value : 1;
}

/** The memory of an empty server of this candidate; zero when unknown, so that no model is proposed too small. */
export function emptyServerOf({ server }: Candidate, { emptyServer }: Assumptions): Bytes {
  return emptyServer ?? server.kind?.empty ?? bytes(0);
}

/** The memory that the TrainedModel replacing this InferenceService should declare. */
export function modelMemoryOf(candidate: Candidate, assumed: Assumptions): ModelMemory {
  const empty = emptyServerOf(candidate, assumed);
  const used = (candidate.pods ?? []).flatMap((pod) => (pod.used === undefined ? [] : [pod.used.memory]));
  if (used.length > 0) {
    const most = used.reduce((a, b) => (a > b ? a : b));
    return {
      memory: proposed(withMargin(bytes(most > empty ? most - empty : 0n), assumed.margin)),
      source: 'measured',
    };
  }
  if (assumed.modelMemory !== undefined) return { memory: proposed(assumed.modelMemory), source: 'given' };
  if (candidate.artifact !== undefined)
    return { memory: proposed(bytes(candidate.artifact * ARTIFACT_TIMES)), source: 'artifact' };
  const declared = podRequestsOf(candidate).server.memory;
  return declared > empty
    ? { memory: proposed(bytes(declared - empty)), source: 'declared' }
    : { memory: GUESS, source: 'guess' };
}

/** The current CPU use of all its pods; undefined when unknown. */
export function measuredCpu({ pods }: Candidate): MilliCpu | undefined {
  const used = (pods ?? []).flatMap((pod) => (pod.used === undefined ? [] : [pod.used.cpu]));
  return used.length === 0 ? undefined : milliCpu(used.reduce((sum, one) => sum + one, 0));
}

function proposed(amount: Bytes): Bytes {
  const whole = wholeMebibytes(amount);
  return whole > LEAST ? whole : LEAST;
}
