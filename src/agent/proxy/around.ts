import type { IncomingMessage, ServerResponse } from 'node:http';

/** How a request goes on. One of `forward` and `take` is called, once. */
export interface Onward {
  /** Where the request goes: a path, and a query where there is one. */
  readonly target: string;
  /** Goes on once the model of the request is in memory; answers by itself where it does not come. Called before either. */
  awake(next: () => void): void;
  /** Forwards the request to the component, as without anything around. */
  forward(): void;
  /** Counts the request as under way until its answer is over, for a caller that answers it. */
  take(): void;
  /** Calls back once, when the answer is over or the client has gone. */
  onOver(over: () => void): void;
}

/**
 * What stands between clients and the component: the batcher. It is called in the same turn in which the head was read,
 * before any byte of the body is; kubelet's probes, upgraded connections and HTTP/2 pass it by.
 */
export type Around = (incoming: IncomingMessage, outgoing: ServerResponse, onward: Onward) => void;

/** Sees the bytes of one body, whoever reads it. */
export interface BodySight {
  readonly add: (chunk: Buffer) => void;
  readonly end: () => void;
}

/** Sees a request and its answer as they go by. */
export interface Sight {
  readonly request: BodySight;
  /** Of the answer with this status; asked for once. */
  readonly answer: (status: number) => BodySight;
  /** The answer is over, whole or not. */
  readonly over: () => void;
}

/**
 * What looks at requests, by whichever protocol they come: the request logger. Kubelet's probes and upgraded connections pass it
 * by.
 * @param head names and values in turn
 */
export type Look = (head: readonly string[]) => Sight;
