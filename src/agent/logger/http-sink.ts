import { readFileSync } from 'node:fs';
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { type Clock, seconds } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { eventHeaders } from './cloud-event.ts';
import type { SendOutcome } from './delivery.ts';
import type { LogRecord } from './record.ts';
import type { LogOrigin, LogSink } from './settings.ts';

/** A sink that has not answered by then is asked again. */
const ANSWER_TIME = seconds(10);

interface HttpSinkDeps {
  readonly sink: Extract<LogSink, { kind: 'http' }>;
  readonly origin: LogOrigin;
  readonly workers: number;
  readonly clock: Pick<Clock, 'now'>;
  /** Where CA bundles are mounted. */
  readonly caDirectory: string;
}

/** Sends records as CloudEvents over connections that are kept. */
export function createHttpSink({ sink, origin, workers, clock, caDirectory }: HttpSinkDeps) {
  const isTls = sink.url.protocol === 'https:';
  const keep = { keepAlive: true, maxSockets: workers };
  let ca = isTls ? readIfThere(join(caDirectory, sink.caFile)) : undefined;
  const newAgent = () =>
    isTls
      ? new HttpsAgent({ ...keep, rejectUnauthorized: !sink.skipVerify, ...(ca === undefined ? {} : { ca }) })
      : new HttpAgent(keep);
  let agent = newAgent();
  /** A bundle that was replaced, as kubelet does, counts from the next failure on. */
  const readAgain = (): void => {
    if (!isTls) return;
    const now = readIfThere(join(caDirectory, sink.caFile));
    if (now === undefined || ca?.equals(now) === true) return;
    ca = now;
    agent.destroy();
    agent = newAgent();
  };
  return {
    send: async (record: LogRecord, signal: AbortSignal): Promise<SendOutcome> => {
      const made = isTls ? httpsRequest : httpRequest;
      let call: ClientRequest;
      try {
        const headers = {
          ...eventHeaders(record, origin, clock.now()),
          'content-length': record.body.length,
        };
        call = made(sink.url, { method: 'POST', agent, headers });
      } catch (thrown) {
        return { kind: 'refused', why: `this is no event that can be sent: ${messageOf(thrown)}` };
      }
      const outcome = await answerTo(call, record.body, signal);
      if (outcome.kind !== 'sent') readAgain();
      return outcome;
    },
    close: () => agent.destroy(),
  };
}

function answerTo(call: ClientRequest, body: Buffer, signal: AbortSignal): Promise<SendOutcome> {
  return new Promise((resolve) => {
    const settle = (outcome: SendOutcome): void => {
      clearTimeout(late);
      signal.removeEventListener('abort', cancel);
      resolve(outcome);
    };
    const end = (why: string) => () => {
      settle({ kind: 'later', why });
      call.destroy();
    };
    const cancel = end('the agent ended');
    const late = setTimeout(end(`the sink did not answer within ${ANSWER_TIME / 1000} s`), ANSWER_TIME);
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel);
    call.on('error', (error) => settle({ kind: 'later', why: `the sink is not reached: ${error.message}` }));
    call.on('response', (answer: IncomingMessage) => {
      answer.on('error', (error) => settle({ kind: 'later', why: messageOf(error) }));
      answer.on('close', () => settle(outcomeOf(answer.statusCode ?? 0)));
      answer.resume();
    });
    call.end(body);
  });
}

/** What a status means for the event that it answers. */
export function outcomeOf(status: number): SendOutcome {
  if (status >= 200 && status < 300) return { kind: 'sent' };
  const why = `the sink answered ${status}`;
  const mayPass = status >= 500 || status === 408 || status === 425 || status === 429;
  return { kind: mayPass ? 'later' : 'refused', why };
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // KServe sends without the bundle too, by the roots that come with the system.
    return undefined;
  }
}
