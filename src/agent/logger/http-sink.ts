import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Dispatcher, errors, Pool } from 'undici';
import { type Clock, seconds } from '../../lib/clock.ts';
import { type EventHeaders, eventHeaderMaker } from './cloud-event.ts';
import { messageOf } from '../../lib/errors.ts';
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

/** Sends records as CloudEvents over connections that are kept, one for each worker. */
export function createHttpSink({ sink, origin, workers, clock, caDirectory }: HttpSinkDeps) {
  const { url } = sink;
  const isTls = url.protocol === 'https:';
  const path = `${url.pathname}${url.search}`;
  const headersOf = eventHeaderMaker(origin, clock);
  const authorization = authorizationOf(url);
  let ca = isTls ? readIfThere(join(caDirectory, sink.caFile)) : undefined;
  const newPool = (): Pool =>
    new Pool(url.origin, {
      ...{ connections: workers, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 },
      connect: {
        timeout: ANSWER_TIME,
        rejectUnauthorized: !sink.skipVerify,
        ...(ca === undefined ? {} : { ca }),
      },
    });
  let pool = newPool();
  const abandon = (left: Pool): void => {
    // What is under way ends by itself, or is ended by its own time.
    left.close().catch(() => undefined);
  };
  /** A bundle that was replaced, as kubelet does, counts from the next failure on. */
  const readAgain = (): void => {
    if (!isTls) return;
    const now = readIfThere(join(caDirectory, sink.caFile));
    if (now === undefined || ca?.equals(now) === true) return;
    ca = now;
    abandon(pool);
    pool = newPool();
  };
  return {
    send: async (record: LogRecord, signal: AbortSignal): Promise<SendOutcome> => {
      let headers: EventHeaders;
      try {
        headers = headersOf(record);
      } catch (thrown) {
        return noEvent(thrown);
      }
      const call: Dispatcher.DispatchOptions = {
        path,
        method: 'POST',
        headers: [...headers, ...authorization],
        body: record.body,
      } as const;
      const outcome = await dispatch(pool, call, signal);
      if (outcome.kind !== 'sent') readAgain();
      return outcome;
    },
    close: () => void pool.destroy(),
  };
}

function noEvent(thrown: unknown): SendOutcome {
  return { kind: 'refused', why: `this is no event that can be sent: ${messageOf(thrown)}` };
}

function dispatch(pool: Pool, call: Dispatcher.DispatchOptions, signal: AbortSignal): Promise<SendOutcome> {
  return new Promise((resolve) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let isSettled = false;
    const settle = (outcome: SendOutcome): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(late);
      signal.removeEventListener('abort', cancel);
      resolve(outcome);
    };
    const end = (why: string) => () => {
      settle({ kind: 'later', why });
      controller?.abort(new Error(why));
    };
    const cancel = end('the agent ended');
    const late = setTimeout(end(`the sink did not answer within ${ANSWER_TIME / 1000} s`), ANSWER_TIME);
    if (signal.aborted) {
      cancel();
      return;
    }
    signal.addEventListener('abort', cancel);
    pool.dispatch(call, {
      onRequestStart: (started) => {
        controller = started;
        if (isSettled) started.abort(new Error('not wanted any more'));
      },
      onResponseStart: (_, code) => {
        status = code;
      },
      onResponseData: () => undefined,
      onResponseEnd: () => settle(outcomeOf(status)),
      onResponseError: (_, error) => {
        const isOurs = error instanceof errors.InvalidArgumentError;
        settle(isOurs ? noEvent(error) : { kind: 'later', why: `the sink is not reached: ${error.message}` });
      },
    });
  });
}

/** The user of a URL like `http://user:password@sink/`, as Go's client sends it. */
function authorizationOf({ username, password }: URL): string[] {
  if (username === '' && password === '') return [];
  const user = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return ['authorization', `Basic ${Buffer.from(user).toString('base64')}`];
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
