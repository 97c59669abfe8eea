/** The process of a caller: gets one job, sends its requests over raw kept connections, and reports. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { quantile } from '../../test/support/quantile.ts';
import { readMessage } from './http-message.ts';
import { INDEX, SERVICE, sevenDigits } from './job.ts';
import type { CallerJob, CallerReport } from './job.ts';

process.once('message', (job: CallerJob) => {
  void call(job).then((report) => {
    process.send?.(report);
    process.disconnect();
  });
});

async function call(job: CallerJob): Promise<CallerReport> {
  const { count = Infinity, first = 0, ms = Infinity, warmUpMs = 0, services = 1 } = job;
  const text = requestText(job);
  const varies = text.includes(INDEX) || text.includes(SERVICE);
  const fixed = Buffer.from(text);
  const requestOf = (index: number): Buffer =>
    varies
      ? Buffer.from(
          text.replaceAll(INDEX, sevenDigits(index)).replaceAll(SERVICE, sevenDigits(index % services)),
        )
      : fixed;
  const latencies: number[] = [];
  const statuses = new Map<number, number>();
  const countFrom = performance.now() + warmUpMs;
  const deadline = countFrom + ms;
  let [index, lastEnd] = [first, countFrom];
  const next = (): Buffer | undefined =>
    index >= first + count || performance.now() >= deadline ? undefined : requestOf(index++);
  const record = (status: number, startedAt: number, now: number): void => {
    // Counts requests by their end within the measured time, because otherwise slow ones would be missing at one end
    // of it.
    if (now < countFrom || now > deadline) return;
    lastEnd = Math.max(lastEnd, now);
    latencies.push(now - startedAt);
    if (status < 200 || status > 299) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  await Promise.all(Array.from({ length: job.connections }, () => keepCalling(job, next, record)));
  return {
    requests: latencies.length,
    failures: [...statuses.values()].reduce((sum, times) => sum + times, 0),
    statuses: Object.fromEntries(statuses),
    perSecond: latencies.length / ((Number.isFinite(deadline) ? ms : lastEnd - countFrom) / 1000),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

function requestText({ path, token, body }: CallerJob): string {
  const authorization = token === undefined ? '' : `authorization: Bearer ${token}\r\n`;
  const head = `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${authorization}content-type: application/json\r\n`;
  return `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

type Next = () => Buffer | undefined;
type Record_ = (status: number, startedAt: number, now: number) => void;

/** Opens one connection after another as long as there are requests. */
async function keepCalling(job: CallerJob, next: Next, record: Record_): Promise<void> {
  for (;;) {
    const request = next();
    if (request === undefined) return;
    if (await callOver(open(job), request, next, record)) return;
  }
}

function open({ port, ca }: CallerJob): Socket {
  const socket =
    ca === undefined ? connect({ host: '127.0.0.1', port }) : connectTls({ host: '127.0.0.1', port, ca });
  return socket.setNoDelay();
}

/** Resolves with true when there are no more requests, with false when the connection is lost. */
function callOver(socket: Socket, first: Buffer, next: Next, record: Record_): Promise<boolean> {
  return new Promise((resolve) => {
    let [startedAt, received, done] = [performance.now(), Buffer.alloc(0), false];
    socket.write(first);
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const message = readMessage(received);
      if (message === undefined) return;
      received = received.subarray(message.end);
      record(Number(message.startLine.split(' ')[1]), startedAt, performance.now());
      const request = next();
      if (request === undefined) {
        done = true;
        socket.destroy();
        return;
      }
      startedAt = performance.now();
      socket.write(request);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!done) record(0, startedAt, performance.now());
      resolve(done);
    });
  });
}
