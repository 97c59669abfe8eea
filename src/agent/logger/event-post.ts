import { type Clock, seconds } from '../../lib/clock.ts';
import type { OddAnswer } from '../proxy/answer-readers.ts';
import type { KeptConnections } from '../proxy/kept-connections.ts';
import { readOdd } from '../proxy/odd-answer.ts';
import { type CallsUnderWay, watchCalls } from './calls-under-way.ts';
import type { SendOutcome } from './delivery.ts';

/** If a sink has not answered by then, the event is sent again. */
const ANSWER_TIME = seconds(10);
/** A body up to this length is sent in one piece with its head. */
const SHORT_BODY = 16 * 1024;

/** The running calls, and what cancels them. */
interface EventCalls {
  readonly calls: CallsUnderWay;
  /** Time is up. */
  readonly cut: AbortSignal;
}

/** The calls to a sink, each with the time limit for its answer. */
export function eventCalls(clock: Pick<Clock, 'monotonic' | 'sleep'>, cut: AbortSignal): EventCalls {
  const calls = watchCalls(ANSWER_TIME, clock);
  cut.addEventListener('abort', calls.giveUpAll);
  return { calls, cut };
}

/** Sends an event and returns what its answer means. Never rejects. */
export function postEvent(
  connections: KeptConnections,
  head: string,
  body: Buffer,
  { calls, cut }: EventCalls,
): Promise<SendOutcome> {
  if (cut.aborted) return Promise.resolve(ENDED);
  return new Promise((resolve) => {
    let status = 0;
    let odd: OddAnswer | undefined;
    const settle = (outcome: SendOutcome): void => {
      calls.done(giveUp);
      resolve(outcome);
    };
    const giveUp = (): void => {
      settle(cut.aborted ? ENDED : TOO_LATE);
      call.destroy();
      odd?.connection.destroy();
    };
    calls.add(giveUp);
    const isShort = body.length <= SHORT_BODY;
    const call = connections.call(
      isShort ? head + body.toString('latin1') : head,
      {
        answered: (answer, _, isWhole) => {
          ({ status } = answer);
          if (isWhole) settle(outcomeOf(status));
        },
        more: (_, isLast) => {
          if (isLast) settle(outcomeOf(status));
        },
        odd: (answer) => {
          odd = answer;
          settleOdd(answer, settle);
        },
        failed: ({ fault }) => settle(notReached(fault.message)),
      },
      isShort ? undefined : body,
    );
  });
}

const ENDED: SendOutcome = { kind: 'later', why: 'the agent ended' };
const TOO_LATE: SendOutcome = {
  kind: 'later',
  why: `the sink did not answer within ${ANSWER_TIME / 1000} s`,
};

function notReached(why: string): SendOutcome {
  return { kind: 'later', why: `the sink is not reached: ${why}` };
}

/** Node's client reads an answer without a length, or in chunks. */
function settleOdd(odd: OddAnswer, settle: (outcome: SendOutcome) => void): void {
  const reading = readOdd(odd, { method: 'POST' });
  reading.on('error', ({ message }) => settle(notReached(message)));
  reading.on('response', (answer) => {
    answer.on('error', ({ message }) => settle(notReached(message)));
    answer.on('end', () => settle(outcomeOf(answer.statusCode ?? 0)));
    answer.resume();
  });
}

/** What a status means for the event it answers. */
export function outcomeOf(status: number): SendOutcome {
  if (status >= 200 && status < 300) return { kind: 'sent' };
  const why = `the sink answered ${status}`;
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  return { kind: mayPass ? 'later' : 'refused', why };
}
