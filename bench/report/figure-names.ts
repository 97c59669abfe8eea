/** The names of figures that both the measuring parts and the targets use. */
export const podsASecond = (callers: number): string => `pods/s, ${callersOf(callers)}`;
export const admissionP50 = (callers: number): string => `pod creation p50, ms, ${callersOf(callers)}`;
export const webhookMean = (callers: number): string =>
  `webhook as the API server saw it, mean ms, ${callersOf(callers)}`;

function callersOf(callers: number): string {
  return callers === 1 ? '1 caller' : `${callers} callers`;
}

/** This many TrainedModels on this many InferenceServices. */
export interface Burst {
  readonly models: number;
  readonly services: number;
}

const burstOf = ({ models, services }: Burst): string =>
  services === 1 ? `${models} TrainedModels` : `${models} TrainedModels on ${services} InferenceServices`;
export const burstTime = (burst: Burst): string => `time, s, ${burstOf(burst)}`;
export const burstCreation = (burst: Burst): string => `of it the creations, s, ${burstOf(burst)}`;
export const burstWrites = (burst: Burst): string => `ConfigMap writes, ${burstOf(burst)}`;
export const burstBytes = (burst: Burst): string => `ConfigMap bytes written, kB, ${burstOf(burst)}`;
export const burstRequests = (burst: Burst): string => `API requests, ${burstOf(burst)}`;
export const burstCpu = (burst: Burst): string => `CPU of the manager, s, ${burstOf(burst)}`;
export const burstPeak = (burst: Burst): string => `peak RSS of the manager, MiB, ${burstOf(burst)}`;

export const startTime = (models: number): string => `start to last load, ms, ${modelsOf(models)}`;
export const mlserverStartTime = (models: number): string =>
  `start to last load by MLServer, s, ${modelsOf(models)}`;
export const applyTime = (size: string): string => `apply to loaded, ms, model of ${size}`;
export const UPDATE_FAILURES = 'failed requests in an update under load';
export const UPDATE_REQUESTS = 'requests in an update under load';
export const UPDATE_TIME = 'update to loaded under load, ms';

function modelsOf(models: number): string {
  return models === 1 ? '1 model' : `${models} models`;
}

export const requestsASecond = (connections: number): string => `requests/s, ${connectionsOf(connections)}`;
export const requestQuantile = (quantile: 'p50' | 'p99', connections: number): string =>
  `${quantile}, ms, ${connectionsOf(connections)}`;

/** Two when none is dropped or late. */
export const EVENTS_A_REQUEST = 'events that the sink has taken, a request';

export const alwaysRequestsASecond = (connections: number): string =>
  `${requestsASecond(connections)}, residency always`;
export const coldQuantile = (quantile: 'p50' | 'p99', connections: number): string =>
  `cold request ${quantile}, ms, ${connectionsOf(connections)}`;
export const HIT_RATIO = 'requests by a Zipf law that found their model in memory, of all';
export const EVICTIONS = 'evictions a second meanwhile';
export const ZIPF_REQUESTS = 'requests/s by a Zipf law';
export const FIRST_LOADS = 'every model loaded once, s';
export const backTime = (order: 'with' | 'without'): string =>
  `kill to 99 % of requests served as before, ms, ${order} the order of heat`;

function connectionsOf(connections: number): string {
  return connections === 1 ? '1 connection' : `${connections} connections`;
}

/** So many models have a target. */
export const FIRST_PREDICTIONS = 50;
export const firstPrediction = (which: string, models: number): string =>
  `apply → first prediction on the real node (${models} models): ${which}, s`;

export const idleRss = (who: 'agent' | 'manager'): string => `idle RSS of the ${who}, MiB`;
export const idlePss = (who: 'agent' | 'manager'): string => `idle PSS of the ${who}, MiB`;
/** The times of memory measurements besides idle, as a node would account for it. */
export const AFTER_TRAFFIC = 'after 1,000 requests';
export const AFTER_LOADS = 'after 90 loads';
export const memoryFigure = (kind: 'RSS' | 'PSS' | 'anonymous memory', when: string): string =>
  `${kind} of the agent ${when}, MiB`;
export const idleCpu = (who: 'agent' | 'manager'): string => `idle CPU of the ${who}, ms a second`;
export const readyTime = (who: 'agent' | 'manager'): string => `start to ready of the ${who}, ms`;
export const IMAGE_PACKED = 'image as it is pulled, MiB';
export const IMAGE_UNPACKED = 'image unpacked, MiB';

export const SCALE = { models: 100_000, services: 1_000 } as const;
