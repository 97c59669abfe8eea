import type { EpochMs, Milliseconds } from '../lib/clock.ts';

/** The version of the documents below; docs/agent-status.md describes them. Fields may be added, never changed. */
export const AGENT_STATUS_VERSION = 'kserve-mms/agent-status.v1';

/** The state of one model. */
export type ModelPhase =
  | { readonly phase: 'Queued' }
  | { readonly phase: 'Downloading'; readonly bytes: number }
  | { readonly phase: 'Loading' }
  | { readonly phase: 'Loaded' }
  /** Residency on-demand: this agent has loaded this version before, and its files are on disk. */
  | { readonly phase: 'Standby' }
  /** As Standby, but its files are no longer on disk. */
  | { readonly phase: 'Remote' }
  | {
      readonly phase: 'Failed';
      readonly reason: string;
      readonly message: string;
      /** Undefined: no retry until something else changes. */
      readonly retryAt: EpochMs | undefined;
    }
  | { readonly phase: 'Unloading' };

/** How long the steps of the last complete round took. */
interface ModelTimes {
  readonly queued?: Milliseconds;
  readonly download?: Milliseconds;
  readonly load?: Milliseconds;
}

/** One model in the agent's status; times of day are RFC 3339, spans are milliseconds. */
export interface ModelStatus {
  readonly name: string;
  readonly phase: ModelPhase['phase'];
  /** SHA-256 (hex) of the desired spec as canonical JSON; null while the model is being removed. */
  readonly specHash: string | null;
  /** The version that answers requests now; null: none, or not known. */
  readonly servingSpecHash: string | null;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
  /** Attempts at the desired version, the running one included. */
  readonly attempts: number;
  readonly retryAt: string | null;
  /** Bytes on disk of the desired version. */
  readonly bytes: number;
  readonly times: ModelTimes;
}

export interface AgentStatus {
  readonly version: typeof AGENT_STATUS_VERSION;
  /** A new one for every start of the agent: sequence numbers of another instance mean nothing. */
  readonly instance: string;
  readonly sequence: number;
  readonly ready: boolean;
  readonly readyReason: string;
  readonly config: ConfigStatus;
  readonly modelServer: { readonly state: 'unknown' | 'up' | 'down'; readonly since: string };
  /** Residency on-demand: how the model server's memory use is known. */
  readonly memorySource?: MemorySource;
  readonly models: readonly ModelStatus[];
}

/**
 * `server`: reported by the model server; `process`: measured by the kernel, for its processes; `declared`: only the
 * memory that models declare is known.
 */
export type MemorySource = 'server' | 'process' | 'declared';

/** The last reading of models.json. */
export interface ConfigStatus {
  readonly state: 'waiting' | 'good' | 'faulty';
  readonly message: string;
  /** SHA-256 (hex) of the text of the last valid set; null before the first one. */
  readonly hash: string | null;
}

/** One line of the stream of changes. */
export type AgentStatusEvent =
  | { readonly type: 'SNAPSHOT'; readonly sequence: number; readonly status: AgentStatus }
  | { readonly type: 'MODEL'; readonly sequence: number; readonly model: ModelStatus }
  | { readonly type: 'REMOVED'; readonly sequence: number; readonly name: string }
  | { readonly type: 'AGENT'; readonly sequence: number; readonly agent: Omit<AgentStatus, 'models'> }
  | { readonly type: 'HEARTBEAT'; readonly sequence: number };
