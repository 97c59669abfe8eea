/**
 * The JSON documents of the manager's page. The browser imports these types too, so that nothing is imported here.
 * Fields may be added; a change of meaning is a new version.
 */

export const PAGE_VERSION = 'kserve-mms/page.v2';

/** The state of a model, the worst first: the order of the page. */
export const MODEL_STATES = [
  ...(['Failed', 'Unreachable', 'Waiting', 'OnTheWay', 'Unknown', 'Standby', 'Loaded'] as const),
] as const;
/**
 * Failed: a replica could not load it. Unreachable: an agent does not answer. Waiting: it is in no models.json, or no
 * pod runs. OnTheWay: queued, downloading or loading. Unknown: its status does not show it. Standby: with on-demand
 * residency, it is loaded on request.
 */
export type ModelState = (typeof MODEL_STATES)[number];

export type StateCounts = Readonly<Record<ModelState, number>>;

/** One model in a list. */
export interface ModelRow {
  readonly name: string;
  readonly state: ModelState;
  /** The reason of its condition ModelLoaded; empty when it has none. */
  readonly reason: string;
  /** The trouble of the model; empty when there is none. In lists cut to {@link ROW_MESSAGE} characters. */
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

/** What `mms explain` says about the first broken link. */
export interface Advice {
  /** What is wrong; may be empty when the rest of the page shows it. */
  readonly message: string;
  /** What to do. */
  readonly advice: string;
  /** A command that shows more. */
  readonly command: string;
}

/** The requests that one pod's agent has counted since it started. Times in milliseconds; null without requests. */
export interface Requests {
  readonly requests: number;
  readonly errors: number;
  readonly meanMs: number | null;
  readonly p99Ms: number | null;
}

/** What the agent of a pod with on-demand residency reports about memory. Bytes; null when not reported. */
export interface Residency {
  readonly resident: number;
  readonly budget: number | null;
  readonly declared: number | null;
  readonly measured: number | null;
  /** Requests that found their model in memory, and those that waited for it. */
  readonly hits: number;
  readonly misses: number;
}

/** The common fields of a predictor pod. */
interface Replica {
  readonly pod: string;
  readonly ready: boolean;
  /** Why its agent does not report; empty when it does. */
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

/** One predictor pod, with one model's state. */
export interface ModelReplica extends Replica {
  /** Empty when the agent does not know the model. */
  readonly phase: string;
  /** Bytes on disk; null where it has none. */
  readonly bytes: number | null;
}

/** How many pods of one InferenceService are read; `total` is the number of all. */
export const REPLICAS_SHOWN = 20;

/** All fields of one model. */
export interface ModelPage extends ModelRow {
  readonly url: string;
  readonly created: string;
  readonly conditions: readonly ConditionRow[];
  /** Null when nothing is broken. */
  readonly advice: Advice | null;
  readonly replicas: { readonly total: number; readonly shown: readonly ModelReplica[] };
}

/** Models of one InferenceService with the same trouble. */
export interface Obstacle {
  /** The reason of ModelLoaded; empty for several reasons counted together. */
  readonly reason: string;
  /** How many models have it. */
  readonly count: number;
  /** The model that has had it for the shortest time, and its message. */
  readonly model: string;
  readonly message: string;
  readonly since: string;
}

/** One InferenceService, or one that TrainedModels name and that does not exist. */
export interface ServiceRow {
  readonly namespace: string;
  readonly name: string;
  readonly exists: boolean;
  readonly multiModel: boolean;
  /** Why it is multi-model, or is not. */
  readonly why: string;
  readonly ready: 'True' | 'False' | 'Unknown';
  /** Why it is not ready, from its status; may be empty. */
  readonly notReady: string;
  /** Predictor pods with an agent. */
  readonly replicas: { readonly ready: number; readonly total: number };
  /** ConfigMaps with a models.json. */
  readonly shards: number;
  /** Bytes that its models declare together, and the limit; null without one. */
  readonly memory: { readonly declared: number; readonly limit: number | null };
  readonly models: StateCounts;
  /** The troubles of its failed or waiting models, the worst first. */
  readonly obstacles: readonly Obstacle[];
  /** Models whose names match the filter; 0 without one. */
  readonly matching: number;
}

/** Part of every answer. */
export interface PageDocument {
  readonly version: typeof PAGE_VERSION;
  /** What the manager still waits for before its caches are complete; empty once they are. */
  readonly awaited: string;
  /** Set while the API server is silent: the page then shows the state of that time. */
  readonly silent: { readonly since: string; readonly why: string } | null;
}

export interface ServicesDocument extends PageDocument {
  readonly totals: { readonly inferenceServices: number; readonly models: StateCounts };
  /** How many match the filter; `services` begins at number `from`. */
  readonly found: number;
  readonly from: number;
  readonly services: readonly ServiceRow[];
}

export interface ServiceDocument extends PageDocument {
  /** Null when nothing of this name is known. */
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
