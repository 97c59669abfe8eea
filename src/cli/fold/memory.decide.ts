import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { NOTHING, milliCpu, requestsIn, sumOf, times, wholeMebibytes, withMargin } from './amounts.decide.ts';
import type { Amount, MilliCpu } from './amounts.decide.ts';
import type { Candidate } from './candidate.decide.ts';

/** What the user assumes; the report prints it. */
export interface Assumptions {
  /** Of an empty server, whatever is known of it. */
  readonly emptyServer: Bytes | undefined;
  /** Of a model of which nothing is measured. */
  readonly modelMemory: Bytes | undefined;
  /** How much more than what was measured is proposed, as a share of it. */
  readonly margin: number;
  /** What a shared pod may request for its model server. */
  readonly podMemory: Bytes;
  readonly modelsPerPod: number;
}

/** KServe's own, with which it fills up an InferenceService (`inferenceService.resource` in its ConfigMap, v0.17). */
export const KSERVE_REQUESTS: Amount = { cpu: milliCpu(1000), memory: bytes(2n * 1024n ** 3n) };
/** Nothing is below it: small models take something too, and the agent's and the server's books of them. */
const LEAST = bytes(4n * 1024n ** 2n);
/** Of a model of which nothing is known but that it fits beside an empty server. */
const GUESS = bytes(64n * 1024n ** 2n);

/** Objects in memory are larger than their files, which are often packed; by how much depends on the library. */
const ARTIFACT_TIMES = 2n;

/** Where the memory of a model comes from. */
type MemorySource = 'measured' | 'given' | 'artifact' | 'declared' | 'guess';

export interface ModelMemory {
  readonly memory: Bytes;
  readonly source: MemorySource;
}

/** What a predictor's pods request now: of those that run; without a cluster, as they are written. */
interface PodRequests {
  readonly count: number;
  /** How many there should be at least: none less than there are, or than is written. */
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

/** Of 32 bits, as the field is; what is none counts as not written. */
const MOST_REPLICAS = 2 ** 31 - 1;

function writtenReplicas(value: unknown): number {
  const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0;
  return isCount && value <= MOST_REPLICAS ? value : 1;
}

/** What an empty server of this candidate takes; zero where nobody knows, so that no model is proposed too small. */
export function emptyServerOf({ server }: Candidate, { emptyServer }: Assumptions): Bytes {
  return emptyServer ?? server.kind?.empty ?? bytes(0);
}

/** What a TrainedModel in place of this InferenceService should declare. */
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

/** What all pods of it take of CPU just now; undefined: nobody knows. */
export function measuredCpu({ pods }: Candidate): MilliCpu | undefined {
  const used = (pods ?? []).flatMap((pod) => (pod.used === undefined ? [] : [pod.used.cpu]));
  return used.length === 0 ? undefined : milliCpu(used.reduce((sum, one) => sum + one, 0));
}

function proposed(amount: Bytes): Bytes {
  const whole = wholeMebibytes(amount);
  return whole > LEAST ? whole : LEAST;
}
