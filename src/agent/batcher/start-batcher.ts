import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Around, Onward } from '../proxy/around.ts';
import { discardBody } from '../proxy/forward.ts';
import { type BatchCaller, createBatchCaller } from './batch-call.ts';
import { createGather } from './gather.ts';
import { holdRequests, type NotHeld } from './held-requests.ts';
import { createBatcherMetrics } from './metrics.ts';
import type { BatcherSettings } from './settings.ts';
import { type BatchAnswer, divideAnswer, readInstances } from './v1-batch.ts';

/** The answers to requests that are not accepted. */
const NOT_HELD = {
  'too long': [
    413,
    'the body is longer, or has more values, than is batched: 64 MiB, or less of short values',
  ],
  'too deep': [400, "can't Unmarshal body"],
  'no room': [503, 'too many requests wait for their batch'],
} as const satisfies Record<NotHeld, readonly [status: number, reason: string]>;

interface BatcherDeps {
  readonly settings: BatcherSettings;
  readonly componentPort: number;
  readonly registry: Registry;
  readonly clock: Clock;
  /** The most bytes of all waiting requests; some hundred MiB if absent. */
  readonly mostHeld?: number;
}

/** The running batcher. */
interface Batcher {
  readonly around: Around;
  close(): void;
}

/** A request in a batch. */
interface Caller {
  readonly instances: readonly unknown[];
  answer(answer: BatchAnswer): void;
  hasLeft(): boolean;
  /** Calls back if the client disconnects before it was answered. */
  onLeave(left: () => void): void;
}

/** Starts the batcher: requests to a path that ends with ":predict" go to the component in batches. */
export function startBatcher(deps: BatcherDeps): Batcher {
  const caller = createBatchCaller(deps.componentPort);
  const { batches, sizes } = createBatcherMetrics(deps.registry);
  const gather = createGather<Caller>({
    ...deps.settings,
    clock: deps.clock,
    depart: (target, callers, why) => {
      batches.inc({ why });
      sizes.observe(callers.reduce((sum, { instances }) => sum + instances.length, 0));
      void callTogether(caller, target, callers);
    },
  });
  const held = holdRequests(deps.clock, deps.mostHeld);
  const around: Around = (incoming, outgoing, { target, forward, take, onOver }) => {
    if (!isPredict(target)) {
      forward();
      return;
    }
    take();
    const got = (body: Buffer): void => {
      const read = readInstances(body);
      if (read.kind === 'bad') answerText(outgoing, 400, read.reason);
      else {
        const member = callerOf(outgoing, onOver, read.instances);
        member.onLeave(gather.add(target, member));
      }
    };
    onOver(held.read(incoming, got, (why) => refuse(incoming, outgoing, why)));
    if (incoming.headers.expect !== undefined) outgoing.writeContinue();
  };
  return { around, close: caller.close };
}

/** KServe's batcher compares the decoded path, however it is spelled. */
function isPredict(target: string): boolean {
  const [path = ''] = target.split('?');
  return (path.includes('%') ? decodeURIComponent(path) : path).endsWith(':predict');
}

/** Calls the component once for all of them, and gives each its part. Never rejects. */
async function callTogether(caller: BatchCaller, target: string, callers: readonly Caller[]): Promise<void> {
  const allLeft = new AbortController();
  for (const one of callers)
    one.onLeave(() => {
      if (callers.every((other) => other.hasLeft())) allLeft.abort();
    });
  const instances = callers.flatMap((one) => one.instances);
  const counts = callers.map((one) => one.instances.length);
  let answers: readonly BatchAnswer[];
  try {
    answers = divideAnswer(await caller.call(target, instances, allLeft.signal), counts, randomUUID());
  } catch (thrown) {
    const message = `the model server does not answer: ${messageOf(thrown)}`;
    answers = counts.map(() => ({ status: 502, body: { message, batchId: '', predictions: null } }));
  }
  for (const [index, one] of callers.entries()) {
    const answer = answers[index];
    if (answer !== undefined) one.answer(answer);
  }
}

function callerOf(outgoing: ServerResponse, onOver: Onward['onOver'], instances: readonly unknown[]): Caller {
  let isOver = false;
  onOver(() => {
    isOver = true;
  });
  const hasLeft = () => isOver && !outgoing.writableFinished;
  return {
    instances,
    hasLeft,
    answer: ({ status, body }) => {
      if (hasLeft()) return;
      send(outgoing, status, 'application/json', JSON.stringify(body));
    },
    onLeave: (left) => {
      onOver(() => {
        if (hasLeft()) left();
      });
    },
  };
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, why: NotHeld): void {
  const [status, reason] = NOT_HELD[why];
  if (!incoming.complete) outgoing.shouldKeepAlive = false;
  if (status === 503) outgoing.setHeader('retry-after', '1');
  answerText(outgoing, status, reason);
  if (!incoming.complete) discardBody(incoming);
}

/** In the format of Go's http.Error, which KServe's batcher answers with. */
function answerText(outgoing: ServerResponse, status: number, reason: string): void {
  send(outgoing, status, 'text/plain; charset=utf-8', `${reason}\n`);
}

function send(outgoing: ServerResponse, status: number, type: string, text: string): void {
  outgoing.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  outgoing.end(text);
}
