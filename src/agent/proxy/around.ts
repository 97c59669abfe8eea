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
 * What wraps the component: the batcher. It is called in the same turn in which the head was read,
 * before any byte of the body. Kubelet's probes, upgraded connections and HTTP/2 bypass it.
 */
export type Around = (incoming: IncomingMessage, outgoing: ServerResponse, onward: Onward) => void;

/** Sees the bytes of one body, whichever code reads it. */
export interface BodySight {
  readonly add: (chunk: Buffer) => void;
  readonly end: () => void;
}

/** Observes a request and its answer. */
export interface Sight {
  readonly request: BodySight;
  /** For the answer with this status. Called once. */
  readonly answer: (status: number) => BodySight;
  /** The answer is over, complete or not. */
  readonly over: () => void;
}

/**
 * Observes requests in any protocol: the request logger. Kubelet's probes and upgraded connections bypass
 * it.
 * @param head names and values in turn
 */
export type Look = (head: readonly string[]) => Sight;
