import type { IncomingMessage, ServerResponse } from 'node:http';
import { CLIENT_GONE, forward, onceOver, discardBody } from './forward.ts';
import { modelTarget } from '../../contract/model-target.ts';
import type { PassedRequest } from './proxied-request.decide.ts';
import { exchangeOf, type Serving } from './requests.ts';
import { answerSleeping, onceAwake, type Wake, type WhileAway } from './wake.ts';

/** A request on its way through the wrappers of the component. */
interface Passage {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly target: string;
  /** Counts it as running, once. */
  readonly count: () => ReturnType<typeof exchangeOf>;
  /** Counts it until its answer is over, for a caller that answers it. */
  readonly take: () => void;
  readonly onOver: (over: () => void) => void;
  whileAway: WhileAway | undefined;
}

/** Passes a request on through the wrappers of the component. */
export function passOn(
  serving: Serving,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  passed: PassedRequest,
): void {
  const passage = passageOf(serving, incoming, outgoing, passed);
  const { target, take, onOver } = passage;
  const begin = () => forward({ ...passage.count(), outgoing, whileAway: passage.whileAway });
  // One after the other: what a client sends without waiting may rely on its earlier requests (RFC 9112 section 9.3.2).
  const start = () => {
    if (outgoing.socket === null) outgoing.once('socket', begin);
    else begin();
  };
  const wake = serving.wake();
  const awake = (next: () => void): void => {
    if (wake === undefined) next();
    // Only an answer with a connection emits its end, and a model in use is kept until then.
    else if (outgoing.socket === null) outgoing.once('socket', () => passAwake(wake, passage, next));
    else passAwake(wake, passage, next);
  };
  if (serving.around === undefined) awake(start);
  else serving.around(incoming, outgoing, { target, awake, forward: start, take, onOver });
}

function passageOf(
  serving: Serving,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  passed: PassedRequest,
): Passage {
  let counted: ReturnType<typeof exchangeOf> | undefined;
  const count = () => (counted ??= exchangeOf(serving, incoming, passed));
  const onOver = (over: () => void) => void onceOver(outgoing, over);
  const take = () => {
    const { done } = count();
    onOver(() => done(outgoing.writableFinished ? outgoing.statusCode : CLIENT_GONE));
  };
  return { ...{ incoming, outgoing, target: passed.target, count, take, onOver }, whileAway: undefined };
}

/** Passes it on once its model is in memory. */
function passAwake(wake: Wake, passage: Passage, next: () => void): void {
  const { incoming, outgoing, target, count, take, onOver } = passage;
  const { method = 'GET' } = incoming;
  onceAwake(wake, modelTarget(method, target), {
    onOver,
    held: () => void count(),
    gone: () => count().done(CLIENT_GONE),
    goOn: (whileAway) => {
      passage.whileAway = whileAway;
      next();
    },
    answer: (answer) => {
      take();
      answerSleeping(outgoing, answer);
      if (!incoming.complete) discardBody(incoming);
    },
  });
}
