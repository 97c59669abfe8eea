/**
 * What the manager's page is told, as JSON. The browser reads these types too, so that nothing is imported here. Fields may be
 * added; a change of meaning is a new version.
 */

export const PAGE_VERSION = 'kserve-mms/page.v2';

/** Where a model stands, the worst first: this is also the order of the page. */
export const MODEL_STATES = [
  ...(['Failed', 'Unreachable', 'Waiting', 'OnTheWay', 'Unknown', 'Standby', 'Loaded'] as const),
] as const;
/**
 * Failed: a replica could not load it. Unreachable: an agent does not answer. Waiting: it is in no models.json, or no pod runs.
 * OnTheWay: queued, downloading or loading. Unknown: its status does not say. Standby: with on-demand residency, it is loaded
 * when a request comes for it.
 */
export type ModelState = (typeof MODEL_STATES)[number];

export type StateCounts = Readonly<Record<ModelState, number>>;

/** One model in a list. */
export interface ModelRow {
  readonly name: string;
  readonly state: ModelState;
  /** The reason of its condition ModelLoaded; empty when it has none. */
  readonly reason: string;
  /** What is in the way; empty when nothing is. In lists cut to {@link ROW_MESSAGE} characters. */
  readonly message: string;
  /** When the condition took its status, RFC 3339; empty when unknown. */
  readonly since: string;
  readonly framework: string;
  /** Bytes; null where the field cannot be read. */
  readonly memory: number | null;
  /** Without user, password and query. */
  readonly storageUri: string;
}

/** Characters of a message in a list. */
export const ROW_MESSAGE = 300;

/** A condition as it is stored. */
export interface ConditionRow {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
}

/** What `mms explain` says of the first link that is broken. */
export interface Advice {
  /** What is wrong, where the rest of the page does not say it already; may be empty. */
  readonly message: string;
  /** What to do. */
  readonly advice: string;
  /** What says more: a command as it is typed. */
  readonly command: string;
}

/** The requests that one pod's agent has counted since it started. Times in milliseconds; null without a request. */
export interface Requests {
  readonly requests: number;
  readonly errors: number;
  readonly meanMs: number | null;
  readonly p99Ms: number | null;
}

/** What the agent of a pod with on-demand residency says of its models in memory. Bytes; null where it does not say. */
export interface Residency {
  readonly resident: number;
  readonly budget: number | null;
  readonly declared: number | null;
  readonly measured: number | null;
  /** Requests that found their model in memory, and those that had to wait for it. */
  readonly hits: number;
  readonly misses: number;
}

/** What is shown of one predictor pod. */
interface Replica {
  readonly pod: string;
  readonly ready: boolean;
  /** Why its agent says nothing; empty when it does. */
  readonly silent: string;
  /** Null while it is silent. */
  readonly requests: Requests | null;
}

/** One predictor pod of an InferenceService: how many of its models are in which phase. */
export interface ServiceReplica extends Replica {
  readonly phases: readonly { readonly phase: string; readonly count: number }[];
  /** Null where its models are always resident. */
  readonly residency: Residency | null;
}

/** One predictor pod, as one model is there. */
export interface ModelReplica extends Replica {
  /** Empty where the agent does not know the model. */
  readonly phase: string;
  /** Bytes on disk; null where it has none. */
  readonly bytes: number | null;
}

/** Pods of one InferenceService that are asked; `total` says how many there are. */
export const REPLICAS_SHOWN = 20;

/** All that is shown of one model. */
export interface ModelPage extends ModelRow {
  readonly url: string;
  readonly created: string;
  readonly conditions: readonly ConditionRow[];
  /** Null when nothing is broken. */
  readonly advice: Advice | null;
  readonly replicas: { readonly total: number; readonly shown: readonly ModelReplica[] };
}

/** Models of one InferenceService that have the same in their way. */
export interface Obstacle {
  /** Of ModelLoaded; empty for several that are told of together. */
  readonly reason: string;
  /** How many have it. */
  readonly count: number;
  /** The one that has it since last, and its message. */
  readonly model: string;
  readonly message: string;
  readonly since: string;
}

/** One InferenceService, or one that TrainedModels name and that is not there. */
export interface ServiceRow {
  readonly namespace: string;
  readonly name: string;
  readonly exists: boolean;
  readonly multiModel: boolean;
  /** Why it is multi-model, or is not. */
  readonly why: string;
  readonly ready: 'True' | 'False' | 'Unknown';
  /** Why it is not ready, as far as its status says so. */
  readonly notReady: string;
  /** Predictor pods with an agent. */
  readonly replicas: { readonly ready: number; readonly total: number };
  /** ConfigMaps with a models.json. */
  readonly shards: number;
  /** Bytes: what its models declare together, and what they may; null without a limit. */
  readonly memory: { readonly declared: number; readonly limit: number | null };
  readonly models: StateCounts;
  /** What is in the way of its models that fail or wait, the worst first. */
  readonly obstacles: readonly Obstacle[];
  /** Models whose names match the filter; 0 without one. */
  readonly matching: number;
}

/** What every answer says. */
export interface PageDocument {
  readonly version: typeof PAGE_VERSION;
  /** What the manager still waits for before it knows the cluster; empty once it does. */
  readonly awaited: string;
  /** Set while the API server is not heard of: what is shown is of then. */
  readonly silent: { readonly since: string; readonly why: string } | null;
}

export interface ServicesDocument extends PageDocument {
  readonly totals: { readonly inferenceServices: number; readonly models: StateCounts };
  /** How many match the filter; `services` are those from `from` on. */
  readonly found: number;
  readonly from: number;
  readonly services: readonly ServiceRow[];
}

export interface ServiceDocument extends PageDocument {
  /** Null when nothing is known by this name. */
  readonly service: ServiceRow | null;
  /** Null when nothing is broken. */
  readonly advice: Advice | null;
  readonly replicas: { readonly total: number; readonly shown: readonly ServiceReplica[] };
  readonly found: number;
  readonly from: number;
  readonly models: readonly ModelRow[];
}

export interface ModelDocument extends PageDocument {
  readonly model: ModelPage | null;
}

/** Rows in an answer. */
export const PAGE_ROWS = 100;
