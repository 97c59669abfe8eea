import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { PassedRequest } from './proxied-request.decide.ts';
import type { Upstream } from './component-call.ts';
import type { WhileAway } from './wake.ts';

/** A request on its way. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** The request that the component gets. */
  readonly passed: PassedRequest;
  readonly upstream: Upstream;
  /** The component speaks another protocol from now on. Only for a request to upgrade. */
  readonly upgraded?: (answer: IncomingMessage, component: Socket, head: Buffer) => void;
  /** What to do while the component refuses connections. Absent: the request has failed. */
  readonly whileAway?: WhileAway | undefined;
  /** How it ended: the status that the client saw, or 499 if the client disconnected first. */
  readonly done: (status: number) => void;
}
