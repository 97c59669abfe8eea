import { afterEach, describe, expect, it } from '@jest/globals';
import { packRecords, unpackRecords } from '../../../../src/agent/logger/record-batch.ts';
import type { LogRecord } from '../../../../src/agent/logger/record.ts';
import { createOutbox } from '../../../../src/agent/logger/outbox.ts';
import { openLogThread } from '../../../../src/agent/logger/thread-host.ts';
import { LOGGER_FLAG_DEFAULTS } from '../../../../src/agent/logger/flags.ts';
import type { Progress } from '../../../../src/agent/logger/thread-messages.ts';
import { readLogger } from '../../../../src/agent/logger/settings.ts';
import { type EpochMs, type Milliseconds, milliseconds } from '../../../../src/lib/clock.ts';
import { moduleFile } from '../../../../src/lib/package-files.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventually } from '../../../support/eventually.ts';
import { type LogSinkServer, startLogSink } from '../../../support/log-sink.ts';
import { recordingLogger } from '../../../support/logs.ts';

function recordOf(body: string, id = 'id'): LogRecord {
  const of = { id, kind: 'request', contentType: 'a/b', cutFrom: undefined } as const;
  return { ...of, metadata: new Map(), body: Buffer.from(body), time: 0 as EpochMs };
}

/** Waits until the expectation holds. */
function becomes(expected: () => void): Promise<void> {
  return eventually(() => {
    expected();
    return Promise.resolve();
  });
}

describe('records sent to another thread', () => {
  it('are unchanged', () => {
    const records: LogRecord[] = [
      { ...recordOf('\0\xff'), metadata: new Map([['X-Team', ['ä', '"']]]) },
      { ...recordOf(''), id: 'ü\x01', kind: 'response', contentType: '', time: 1.5 as EpochMs },
      { ...recordOf('last'), cutFrom: 9 },
    ];
    expect(unpackRecords(packRecords(records))).toEqual(records);
  });
});

describe('the outbox', () => {
  const passed: string[][] = [];
  let due: (() => void)[] = [];
  const clock = { sleep: () => new Promise<void>((resolve) => due.push(resolve)) };
  const outbox = createOutbox({
    clock,
    pass: (records) => passed.push(records.map(({ body }) => body.toString('utf8', 0, 2))),
  });
  afterEach(() => {
    passed.length = 0;
    due = [];
  });

  it('passes records of a short time on together', async () => {
    outbox.add(recordOf('1'));
    outbox.add(recordOf('2'));
    expect(passed).toEqual([]);
    expect(due).toHaveLength(1);
    due[0]!();
    await becomes(() => {
      expect(passed).toEqual([['1', '2']]);
    });
  });

  it.each([
    ['many', Array.from({ length: 128 }, () => recordOf('x'))],
    ['large', [recordOf('x'.repeat(300 * 1024))]],
  ])('does not wait when they are %s', (_, records) => {
    for (const record of records) outbox.add(record);
    expect(passed.flat()).toHaveLength(records.length);
  });
});

describe('the sending thread', () => {
  let sink: LogSinkServer | undefined;
  let thread: Awaited<ReturnType<typeof openLogThread>> | undefined;
  afterEach(async () => {
    await thread?.stop(AbortSignal.abort());
    sink?.close();
    thread = undefined;
  });

  async function open(entry: URL, logUrl = 'http://127.0.0.1:9/') {
    const { settings } = readLogger({ ...LOGGER_FLAG_DEFAULTS, logUrl, workers: '1' }, 9081);
    const { sink: to, origin, workers, queueEvents, queueBytes } = settings!;
    const log = recordingLogger();
    const reported: Progress[] = [];
    const lost: { events: number; bytes: number; why: string }[] = [];
    const sleeps: Milliseconds[] = [];
    const clock = {
      sleep: (span: Milliseconds) => {
        sleeps.push(span);
        return systemClock.sleep(span === 5_000 ? milliseconds(1) : span);
      },
    };
    thread = await openLogThread({
      ...{ entry, environment: { PATH: '/bin', NONE: undefined }, clock, log },
      start: { settings: { sink: to, origin, workers, queueEvents, queueBytes }, caDirectory: '/nowhere' },
      progressed: (progress) => reported.push(progress),
      lost: (gone, why) => lost.push({ ...gone, why }),
    });
    return { thread, reported, lost, lines: log.lines, sleeps };
  }

  it('sends its records when it is stopped, and reports the counts', async () => {
    sink = await startLogSink();
    const {
      thread: opened,
      reported,
      lost,
    } = await open(moduleFile('agent/logger/log-thread-main'), sink.url);
    opened.post([recordOf('one'), recordOf('two')]);
    await opened.stop(new AbortController().signal);
    expect(sink.events.map(({ body }) => body.toString())).toEqual(['one', 'two']);
    const sum = (name: 'events' | 'bytes' | 'sent' | 'dropped' | 'failed') =>
      reported.reduce((all, progress) => all + progress[name], 0);
    expect([sum('events'), sum('bytes'), sum('sent'), sum('dropped'), sum('failed')]).toEqual([
      2, 6, 2, 0, 0,
    ]);
    expect(lost).toEqual([]);
  });

  it('reports dropped records when it must stop at once', async () => {
    sink = await startLogSink();
    sink.manner = 'hangs';
    const { thread: opened, reported } = await open(moduleFile('agent/logger/log-thread-main'), sink.url);
    opened.post([recordOf('one'), recordOf('two')]);
    await opened.stop(AbortSignal.abort());
    expect(reported.map(({ dropped, why }) => [dropped, why])).toEqual([[2, 'the agent ended']]);
  });

  const playing = (script: string): URL =>
    new URL(`data:text/javascript,import { parentPort as port } from 'node:worker_threads'; ${script}`);

  it('is restarted when it dies, and its records are lost', async () => {
    const dying =
      "port.postMessage({ type: 'open' }); port.on('message', () => { throw new Error('no more'); });";
    const { thread: opened, lost, lines, sleeps } = await open(playing(dying));
    opened.post([recordOf('one'), recordOf('two')]);
    const why = 'the thread that sends logged events died';
    await becomes(() => {
      expect(lost).toEqual([{ events: 2, bytes: 6, why }]);
    });
    await becomes(() => {
      expect(sleeps).toEqual([5_000]);
    });
    expect(lines.map(({ message, fields }) => [message, fields])).toEqual([
      [`${why}; it is started again`, { why: expect.stringMatching(/^Error at .*data:text/) }],
    ]);
    // The next one accepts records, and also dies of them.
    await eventually(() => {
      opened.post([recordOf('three')]);
      expect(lines.length).toBeGreaterThan(1);
      return Promise.resolve();
    });
    expect(lost.every((one) => one.why === why)).toBe(true);
  });

  it.each([
    ["port.postMessage({ type: 'unopened', message: 'no such bucket' })", /cannot be opened: no such bucket/],
    ["throw new Error('broken')", /cannot be opened: Error at /],
  ])('fails if it cannot start: %s', async (script, message) => {
    await expect(open(playing(script))).rejects.toMatchObject({
      ...{ code: 'LOG_SINK_NOT_OPENED', message: expect.stringMatching(message) },
    });
  });

  it('is terminated if it does not stop', async () => {
    const deaf = "port.postMessage({ type: 'open' }); port.on('message', () => { for (;;); });";
    const { thread: opened, lost } = await open(playing(deaf));
    opened.post([recordOf('one')]);
    await opened.stop(AbortSignal.abort());
    expect(lost).toEqual([{ events: 1, bytes: 3, why: 'the agent ended' }]);
  });
});
