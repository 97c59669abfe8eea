import type { IncomingMessage, ServerResponse } from 'node:http';
import { respond, type AdmissionDecision, type AdmissionRequest } from './admission-review.decide.ts';
import { milliseconds, type Clock, type Milliseconds } from '../lib/clock.ts';
import { messageOf, MmsError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { handlerDeadline } from './call-timeout.ts';
import type { BodyBudget } from '../lib/body-budget.ts';
import { boundsWithin, jsonMeter } from '../lib/json-meter.ts';
import { answerAndHangUp, answerJson, readBody } from './request-body.ts';
import type { RequestBody } from './request-body.ts';
import {
  bodyTooLarge,
  decodeReview,
  MAX_BODY_BYTES,
  noRoom,
  refuseByHeaders,
  REVIEW_BOUNDS,
  tooMuch,
} from './review-codec.ts';
import type { DecodedReview, Malformed } from './review-codec.ts';

/** Decides one request. The signal aborts at the deadline, or when the API server has disconnected. */
export type AdmissionHandler = (request: AdmissionRequest, signal: AbortSignal) => Promise<AdmissionDecision>;

export type AdmissionOutcome = AdmissionDecision['kind'] | 'malformed' | 'aborted';

/** One answered call, for metrics. */
export interface AdmissionObservation {
  readonly path: string;
  readonly outcome: AdmissionOutcome;
  readonly duration: Milliseconds;
}

interface EndpointDependencies {
  readonly path: string;
  readonly handler: AdmissionHandler;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observe: (observation: AdmissionObservation) => void;
  /** Shared by all webhooks of the server. */
  readonly budget: BodyBudget;
  /** 30 random bits, for {@link jsonMeter}. */
  readonly seed: number;
}

/** V8's average memory for a value beside its text. */
const BYTES_A_VALUE = 64;

export type ReviewEndpoint = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The HTTP side of one webhook: reads a review, calls the handler, answers. Never rejects because of a client. */
export function reviewEndpoint(dependencies: EndpointDependencies): ReviewEndpoint {
  const { path, clock, observe } = dependencies;
  return async (request, response) => {
    const started = clock.monotonic();
    const outcome = await serve(request, response, dependencies);
    observe({ path, outcome, duration: milliseconds(clock.monotonic() - started) });
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  dependencies: EndpointDependencies,
): Promise<AdmissionOutcome> {
  const refusal = refuseByHeaders(request.headers);
  if (refusal !== undefined) return answerMalformed(request, response, dependencies.clock, refusal);
  // NaN for a chunked body, which announces no length.
  const announced = Number(request.headers['content-length']);
  const meter = jsonMeter(boundsWithin(REVIEW_BOUNDS, announced), dependencies.seed);
  const { body, share } = await readBody(request, {
    limit: MAX_BODY_BYTES,
    announced,
    budget: dependencies.budget,
    meter,
  });
  try {
    if (body.kind === 'aborted') return 'aborted';
    const review = reviewIn(body, meter.depth());
    // The parsed review takes memory of its own while it waits for the decision.
    if (review.kind === 'ok' && body.kind === 'complete') {
      const fits = share.grow(body.bytes.length + meter.values() * BYTES_A_VALUE);
      if (!fits) return answerMalformed(request, response, dependencies.clock, noRoom());
    }
    return await answerReview(review, request, response, dependencies);
  } finally {
    share.release();
  }
}

function reviewIn(body: Exclude<RequestBody, { kind: 'aborted' }>, depth: number): DecodedReview {
  switch (body.kind) {
    case 'complete':
      return decodeReview(body.bytes, depth);
    case 'too-large':
      return bodyTooLarge();
    case 'too-much':
      return tooMuch(body.excess, body.start);
    case 'lost':
      return noRoom();
  }
}

async function answerReview(
  review: DecodedReview,
  request: IncomingMessage,
  response: ServerResponse,
  dependencies: EndpointDependencies,
): Promise<AdmissionOutcome> {
  switch (review.kind) {
    case 'malformed':
      return answerMalformed(request, response, dependencies.clock, review);
    case 'refused': {
      const text = JSON.stringify(respond(review.uid, review.decision));
      if (request.complete) answerJson(response, 200, text);
      else
        answerAndHangUp(request, response, dependencies.clock, {
          ...{ status: 200, contentType: 'application/json', text },
        });
      return review.decision.kind;
    }
    case 'ok': {
      const decision = await decide(review.request, request, response, dependencies);
      answerJson(response, 200, JSON.stringify(respond(review.request.uid, decision)));
      return decision.kind;
    }
  }
}

/** The uid is returned if there was one, so that a caller can match the answer to its review. */
function answerMalformed(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  { httpStatus, message, uid }: Malformed,
): AdmissionOutcome {
  const decision: AdmissionDecision = {
    kind: 'denied',
    code: httpStatus,
    reason: reasonOf(httpStatus),
    message,
  };
  const text = JSON.stringify(respond(uid ?? '', decision));
  answerAndHangUp(request, response, clock, { status: httpStatus, contentType: 'application/json', text });
  return 'malformed';
}

function reasonOf(status: Malformed['httpStatus']): string {
  return {
    ...{ 400: 'BadRequest', 413: 'RequestEntityTooLarge', 415: 'UnsupportedMediaType' },
    503: 'ServiceUnavailable',
  }[status];
}

/** One for all: an abort without a reason creates an error, which costs more than a review's decision. */
const NO_LONGER_NEEDED = new Error('no caller waits for the answer any more');

async function decide(
  request: AdmissionRequest,
  { url }: IncomingMessage,
  response: ServerResponse,
  { handler, clock, logger, path }: EndpointDependencies,
): Promise<AdmissionDecision> {
  const given = new AbortController();
  // What the handler still does is not needed.
  const abort = (): void => given.abort(NO_LONGER_NEEDED);
  response.once('close', abort);
  const late = lateDecision(url ?? '', clock, abort);
  try {
    return await Promise.race([handler(request, given.signal), late.decision]);
  } catch (thrown) {
    abort();
    return errored(thrown, logger.child({ path, uid: request.uid }));
  } finally {
    late.cancel();
    // An abort without a reader costs more than a decision from the caches.
    response.removeListener('close', abort);
  }
}

/**
 * The decision once the deadline has passed. The deadline is read, and its timer set, in the next turn of the event loop:
 * nearly all reviews are decided before, and need neither.
 */
function lateDecision(
  url: string,
  clock: Clock,
  passed: () => void,
): { readonly decision: Promise<AdmissionDecision>; cancel(): void } {
  const { promise: decision, resolve } = Promise.withResolvers<AdmissionDecision>();
  let waiting: AbortController | undefined;
  const turn = setImmediate(() => {
    const deadline = handlerDeadline(url);
    const { signal } = (waiting = new AbortController());
    void clock.sleep(deadline, signal).then(() => {
      if (signal.aborted) return;
      resolve(tooLate(deadline));
      passed();
    });
  });
  return {
    decision,
    cancel: () => {
      clearImmediate(turn);
      waiting?.abort(NO_LONGER_NEEDED);
    },
  };
}

function tooLate(deadline: Milliseconds): AdmissionDecision {
  return {
    kind: 'errored',
    code: 504,
    retryable: true,
    message: `no decision within ${deadline} ms; try again, and look at the manager's metrics if it goes on`,
  };
}

function errored(thrown: unknown, logger: Logger): AdmissionDecision {
  if (thrown instanceof MmsError) {
    logger.warn({ code: thrown.code, error: thrown.message }, 'the webhook could not decide');
    return { kind: 'errored', retryable: thrown.retryable, message: thrown.message };
  }
  logger.error({ error: messageOf(thrown), err: thrown }, 'the webhook failed; please report this');
  return {
    kind: 'errored',
    retryable: false,
    message:
      'the webhook failed unexpectedly; the log of the manager has the reason under the uid of this request',
  };
}
