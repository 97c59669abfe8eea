import { describe, expect, it } from '@jest/globals';
import { copyBody } from '../../../../src/agent/logger/body-copy.ts';
import { createLogQueue } from '../../../../src/agent/logger/log-queue.ts';
import { outcomeOf } from '../../../../src/agent/logger/event-post.ts';
import { objectKey } from '../../../../src/agent/logger/object-format.ts';
import { type LogRecord, recordHead } from '../../../../src/agent/logger/record.ts';
import { LOGGER_FLAG_DEFAULTS } from '../../../../src/agent/logger/flags.ts';
import { readLogger } from '../../../../src/agent/logger/settings.ts';
import type { EpochMs } from '../../../../src/lib/clock.ts';

function recordOf(body: string, id = 'id'): LogRecord {
  const of = { id, kind: 'request', contentType: '', metadata: new Map(), cutFrom: undefined } as const;
  return { ...of, body: Buffer.from(body), time: 0 as EpochMs };
}

describe('the queue', () => {
  it('holds so many bytes, of records and of bodies that still come', () => {
    const queue = createLogQueue({ events: 10, bytes: 10 });
    const one = copyBody(queue, 100);
    const other = copyBody(queue, 100);
    one.add(Buffer.from('123456'));
    other.add(Buffer.from('12345'));
    expect(other.finish()).toBeUndefined();
    expect(one.finish()?.body.toString()).toBe('123456');
    expect(queue.size()).toEqual({ events: 0, bytes: 6 });
    const parcel = [recordOf('123456')];
    expect(queue.add(parcel)).toBe(true);
    expect(queue.next()).toBe(parcel);
    expect(queue.size()).toEqual({ events: 1, bytes: 6 });
    queue.done(parcel);
    expect(queue.size()).toEqual({ events: 0, bytes: 0 });
  });

  it('holds so many events, with those that are being sent', () => {
    const queue = createLogQueue({ events: 2, bytes: 10 });
    expect([queue.add([recordOf('')]), queue.add([recordOf('')]), queue.add([recordOf('')])]).toEqual([
      true,
      true,
      false,
    ]);
    queue.next();
    expect(queue.add([recordOf('')])).toBe(false);
    const copy = copyBody(queue, 10);
    copy.add(Buffer.from('body'));
    expect(copy.finish()).toBeUndefined();
    expect(queue.size().bytes).toBe(0);
    expect(queue.isCrowded()).toBe(true);
  });

  it('gives back what a body held that is given up', () => {
    const queue = createLogQueue({ events: 2, bytes: 10 });
    const copy = copyBody(queue, 3);
    copy.add(Buffer.from('12345'));
    expect(queue.size().bytes).toBe(3);
    copy.cancel();
    copy.cancel();
    expect(queue.size().bytes).toBe(0);
  });
});

describe('a head', () => {
  it('gives its id, type and metadata', () => {
    const raw = ['ce-id', 'x', 'Content-Type', 'a', 'X-TEAM', 'one', 'x-team', 't\xc3\xa4', 'Host', 'h'];
    const { id, contentType, metadata } = recordHead(raw, new Set(['X-Team', 'Host']));
    expect([id, contentType]).toEqual(['x', 'a']);
    expect([...metadata]).toEqual([['X-Team', ['one', 'tä']]]);
  });
});

describe('an answer of a sink', () => {
  it.each([
    [200, 'sent'],
    [202, 'sent'],
    [429, 'later'],
    [500, 'later'],
    [503, 'later'],
    [301, 'refused'],
    [400, 'refused'],
    [404, 'refused'],
  ])('%i: %s', (status, kind) => {
    expect(outcomeOf(status).kind).toBe(kind);
  });
});

describe("an object's key", () => {
  it.each([
    ['id', 'p/ns/isvc/logs/id-request.json'],
    ['../../other', 'p/ns/isvc/logs/..%2F..%2Fother-request.json'],
    ['a\nb', 'p/ns/isvc/logs/a%0Ab-request.json'],
  ])('of the id %j', (id, key) => {
    const flags = { ...LOGGER_FLAG_DEFAULTS, logUrl: 's3://b', inferenceService: 'isvc', namespace: 'ns' };
    const { origin } = readLogger(flags, 9081).settings!;
    expect(objectKey({ prefix: 'p/', storePath: '/logs' }, recordOf('', id), origin, 'json')).toBe(key);
  });
});
