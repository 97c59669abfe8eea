import type { ModelSpec } from '../../contract/model-config.ts';

/** How a model server took a request to load or unload. */
export type ServerAnswer =
  | { readonly kind: 'done' }
  /**
   * It answered, and said no: the model's fault, or lack of room. `killed`: a process of it was ended meanwhile, perhaps for its
   * memory; it starts that again, with what was loaded before.
   */
  | { readonly kind: 'refused'; readonly reason: string; readonly message: string; readonly killed?: true }
  /** No answer, or one that says it cannot answer now; `gone`: nothing listens at its port. */
  | {
      readonly kind: 'unavailable';
      readonly reason: string;
      readonly message: string;
      readonly gone: boolean;
    };

/**
 * Whether the process behind the port answers requests. `gone`: nothing listens, so nothing is loaded. `foreign`: what
 * listens speaks another protocol, as a gRPC port does.
 */
export type ServerHealth = 'up' | 'busy' | 'gone' | 'foreign';

/** Bytes of memory that the server's process takes, as it says itself, or as the kernel does. */
interface MemoryReading {
  readonly bytes: number;
  readonly source: 'server' | 'process';
}

/**
 * What the agent needs of a model server. Names are those of {@link isModelName}. Nothing here rejects for what the
 * server does or fails to do; the answers say it.
 */
export interface ModelServerAdapter {
  health(): Promise<ServerHealth>;
  /** Which models it knows and whether each answers; undefined when it cannot say. */
  index(): Promise<ReadonlyMap<string, boolean> | undefined>;
  /** Whether its metadata names a model repository: KServe's Python servers (0.17.0) have one, and no index of it. */
  saysRepository(): Promise<boolean>;
  /** Whether it loads all that it finds in the model directory when it starts, hidden or not: KServe's Python servers do. */
  loadsAllAtStart(): Promise<boolean>;
  /** Whether one model answers; undefined when the server cannot say now. */
  ready(name: string): Promise<boolean | undefined>;
  /** Loads the files in `directory`; a model that is loaded already is replaced. */
  load(name: string, directory: string, spec: ModelSpec): Promise<ServerAnswer>;
  /** What its process takes of the memory; undefined where nobody says. */
  memory(): Promise<MemoryReading | undefined>;
  /** `done` also when it was not loaded. */
  unload(name: string): Promise<ServerAnswer>;
}
