import type { ServerResponse } from 'node:http';
import { type Clock, type Milliseconds, milliseconds } from '../../lib/clock.ts';
import type { ModelWaker, WakeOutcome } from '../residency/waker.ts';
import { refuse } from './answers.ts';
import type { ModelTarget } from '../../contract/model-target.ts';
import { type Onward, onwardOf } from './wake.decide.ts';

/** What lets requests wait for their models. */
export interface Wake {
  readonly waker: ModelWaker;
  /** The longest wait of a request for a model server that refuses connections. */
  readonly timeout: Milliseconds;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
}

/** A request that may have to wait. Exactly one of `goOn`, `answer` and `gone` is called, once. */
interface Wanting {
  /** Calls back once, when the answer is over or the client has disconnected. */
  readonly onOver: (over: () => void) => void;
  /** It counts as running from now on: it waits. */
  readonly held: () => void;
  /** Sends it to the component. With `whileAway` if it may wait for a component that refuses connections. */
  readonly goOn: (whileAway?: WhileAway) => void;
  readonly answer: (answer: WakeAnswer) => void;
  /** The client disconnected while it waited. */
  readonly gone: () => void;
}

/** The agent's own answer for a sleeping model. */
export type WakeAnswer =
  | { readonly kind: 'ready'; readonly model: string }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly message: string;
      readonly retryAfter: Milliseconds;
    };

/** Retries a request when the component may accept it, or says how it ends. */
export type WhileAway = (again: () => void, refused: (answer: WakeAnswer) => void) => void;

/** Between two attempts to connect. */
const TRY_EVERY = milliseconds(100);

/**
 * Lets a request proceed once its model is in memory. A model is marked as in use before its request proceeds, and
 * until the answer is over. Nothing of the body is read meanwhile.
 */
export function onceAwake(wake: Wake, wanted: ModelTarget | undefined, wanting: Wanting): void {
  if (wanted === undefined) {
    wanting.goOn();
    return;
  }
  switch (onwardNow(wake, wanted)) {
    case 'passes':
      wanting.goOn();
      return;
    case 'enters':
      enter(useModel(wake, wanted.model, 'at-once'), wanting);
      return;
    case 'answered':
      wanting.answer(answerAbout(wanted));
      return;
    case 'waits':
      void hold(wake, wanted.model, wanting);
  }
}

/** How a request proceeds, if it does so in this turn. */
export function onwardNow({ waker }: Wake, { model, ask }: ModelTarget): Onward {
  return onwardOf(ask, waker.availability(model));
}

/**
 * A sleeping model is ready: a request to it is answered. Only the model server knows its metadata, once it has loaded
 * the model, and a request for metadata is no reason to load it.
 */
function answerAbout({ model, ask }: ModelTarget): WakeAnswer {
  if (ask === 'ready') return { kind: 'ready', model };
  const message = `model ${model} sleeps, and its metadata are known while it is in memory: send it an inference request first`;
  return { kind: 'refused', reason: 'ModelSleeps', message, retryAfter: milliseconds(1_000) };
}

/** A request that uses a model, which stays in memory until that is over. */
export interface ModelUse {
  readonly whileAway: WhileAway;
  /** The answer is over, or the client has disconnected. */
  readonly over: () => void;
}

/** Begins to use a model. Runs for every request to a model in memory: what few of them need is made on demand. */
export function useModel(wake: Wake, model: string, found: Parameters<ModelWaker['enter']>[1]): ModelUse {
  const leave = wake.waker.enter(model, found);
  let isOver = false;
  let away: Away | undefined;
  return {
    over: () => {
      isOver = true;
      away?.over.abort();
      leave();
    },
    whileAway: (again, refused) => {
      if (isOver) return;
      away ??= { over: new AbortController(), until: wake.clock.monotonic() + wake.timeout };
      void tryAgain(wake, { model, until: away.until, again, refused, signal: away.over.signal });
    },
  };
}

function enter({ over, whileAway }: ModelUse, { onOver, goOn }: Wanting): void {
  onOver(over);
  goOn(whileAway);
}

/** What is known of a request that met a component that refuses connections. */
interface Away {
  readonly over: AbortController;
  /** Monotonic. */
  readonly until: number;
}

async function hold(wake: Wake, model: string, wanting: Wanting): Promise<void> {
  wanting.held();
  const left = new AbortController();
  wanting.onOver(() => left.abort());
  const outcome = await wake.waker.wait(model, left.signal);
  // In the same turn as the outcome, as the waker requires.
  if (left.signal.aborted) wanting.gone();
  else if (outcome.kind === 'loaded') enter(useModel(wake, model, 'after-wait'), wanting);
  else if (outcome.kind === 'removed') wanting.goOn();
  else wanting.answer(outcome);
}

interface Attempt {
  readonly model: string;
  /** Monotonic. */
  readonly until: number;
  readonly signal: AbortSignal;
  readonly again: () => void;
  readonly refused: (answer: WakeAnswer) => void;
}

/** The component refuses connections: retries soon, and waits for the model if needed. */
async function tryAgain({ waker, clock }: Wake, attempt: Attempt): Promise<void> {
  const { model, until, signal, again, refused } = attempt;
  if (clock.monotonic() >= until) {
    const message = 'the model server refuses connections';
    refused({ kind: 'refused', reason: 'ModelServerAway', message, retryAfter: milliseconds(1_000) });
    return;
  }
  const hasLeft = () => signal.aborted;
  await clock.sleep(TRY_EVERY, signal);
  if (hasLeft()) return;
  if (waker.isEnding()) {
    const message = 'the pod is ending, and its model server has ended';
    refused({ kind: 'refused', reason: 'Stopping', message, retryAfter: milliseconds(1_000) });
    return;
  }
  const { kind } = waker.availability(model);
  const isThere = kind === 'loaded' || kind === 'unknown';
  const outcome: WakeOutcome = isThere ? { kind: 'loaded' } : await waker.wait(model, signal);
  if (hasLeft()) return;
  if (outcome.kind === 'refused') refused(outcome);
  else again();
}

/** Answers for a sleeping model, in the format that V1 and V2 share. */
export function answerSleeping(outgoing: ServerResponse, answer: WakeAnswer): void {
  if (answer.kind === 'refused') {
    outgoing.setHeader('retry-after', retryAfterSeconds(answer.retryAfter));
    refuse(outgoing, 503, `${answer.reason}: ${answer.message}`);
    return;
  }
  const body = JSON.stringify({ name: answer.model, ready: true });
  outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  outgoing.end(body);
}

/** In the form of the header: whole seconds, at least one. */
export function retryAfterSeconds(span: Milliseconds): number {
  return Math.max(1, Math.ceil(span / 1_000));
}
