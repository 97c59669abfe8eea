import type { IncomingMessage, ServerResponse } from 'node:http';

/** How a request proceeds. Exactly one of `forward` and `take` is called, once. */
export interface Onward {
  /** The request's target: a path, and a query if there is one. */
  readonly target: string;
  /** Continues once the request's model is in memory. If that fails, it answers. Called before `forward` or `take`. */
  awake(next: () => void): void;
  /** Forwards the request to the component, as without any wrapper. */
  forward(): void;
  /** Counts the request as running until its answer is over, for a caller that answers it. */
  take(): void;
  /** Calls back once, when the answer is over or the client has disconnected. */
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
