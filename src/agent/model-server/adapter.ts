import type { ModelSpec } from '../../contract/model-config.ts';

/** A model server's answer to a request to load or unload. */
export type ServerAnswer =
  | { readonly kind: 'done' }
  /**
   * It answered and refused: a fault of the model, or lack of room. `killed`: one of its processes was killed during the load,
   * perhaps for its memory; the server restarts it with the models from before.
   */
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string; readonly killed?: true }
  /** No answer, or one that says it cannot answer now. `gone`: nothing listens at its port. */
  | {
      readonly kind: 'unavailable';
      readonly reason: string;
      readonly message: string;
      readonly gone: boolean;
    };

/**
 * Whether the process behind the port answers requests. `gone`: nothing listens, so nothing is loaded. `foreign`: the
 * listener speaks another protocol, for example gRPC.
 */
export type ServerHealth = 'up' | 'busy' | 'gone' | 'foreign';

/** Bytes of memory of the server's process, as the server itself or the kernel reports. */
interface MemoryReading {
  readonly bytes: number;
  readonly source: 'server' | 'process';
}

/**
 * What the agent needs of a model server. Names satisfy {@link isModelName}. Nothing here rejects because of the
 * server: its failures are values.
 */
export interface ModelServerAdapter {
  health(): Promise<ServerHealth>;
  /** Which models it knows and whether each answers. Undefined if it cannot say. */
  index(): Promise<ReadonlyMap<string, boolean> | undefined>;
  /** Whether its metadata names a model repository. KServe's Python servers (0.17.0) have one, without an index. */
  saysRepository(): Promise<boolean>;
  /** Whether it loads all of the model directory, hidden entries too, when it starts. KServe's Python servers do. */
  loadsAllAtStart(): Promise<boolean>;
  /** Whether one model answers. Undefined if the server cannot say now. */
  ready(name: string): Promise<boolean | undefined>;
  /** Loads the files in `directory` and replaces the model if it is loaded. */
  load(name: string, directory: string, spec: ModelSpec): Promise<ServerAnswer>;
  /** The memory of its process. Undefined if it is not known. */
  memory(): Promise<MemoryReading | undefined>;
  /** `done` also if it was not loaded. */
  unload(name: string): Promise<ServerAnswer>;
}
