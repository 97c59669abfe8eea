/**
 * What the manager's page is told, as JSON. The browser reads these types too, so that nothing is imported here. Fields may be
 * added; a change of meaning is a new version.
 */

export const PAGE_VERSION = 'kserve-mms/page.v1';

/** Where a model stands, the worst first: this is also the order of the page. */
export const MODEL_STATES = ['Failed', 'Unreachable', 'Waiting', 'OnTheWay', 'Unknown', 'Loaded'] as const;
/**
 * Failed: a replica could not load it. Unreachable: an agent does not answer. Waiting: it is in no models.json, or no pod runs.
 * OnTheWay: queued, downloading or loading. Unknown: its status does not say.
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

/** All that is shown of one model. */
export interface ModelPage extends ModelRow {
  readonly url: string;
  readonly created: string;
  readonly conditions: readonly ConditionRow[];
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
  /** The newest failure of its models; without any, the newest of those that wait. */
  readonly lastError: { readonly model: string; readonly message: string; readonly since: string } | null;
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
  readonly found: number;
  readonly from: number;
  readonly models: readonly ModelRow[];
}

export interface ModelDocument extends PageDocument {
  readonly model: ModelPage | null;
}

/** Rows in an answer. */
export const PAGE_ROWS = 100;
