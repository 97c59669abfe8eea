import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { PassedRequest } from './proxied-request.decide.ts';
import type { Upstream } from './component-call.ts';
import type { WhileAway } from './wake.ts';

/** A request on its way. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** What the component gets. */
  readonly passed: PassedRequest;
  readonly upstream: Upstream;
  /** The component speaks another protocol from now on; only a request to upgrade has this. */
  readonly upgraded?: (answer: IncomingMessage, component: Socket, head: Buffer) => void;
  /** What to do while the component takes no connection; absent: the request has failed. */
  readonly whileAway?: WhileAway | undefined;
  /** How it ended: the status that the client saw, 499 when the client went away first. */
  readonly done: (status: number) => void;
}
