import { beforeEach, describe, expect, it } from '@jest/globals';
import { type SendOutcome, startDelivery } from '../../../../src/agent/logger/delivery.ts';
import { copyBody } from '../../../../src/agent/logger/body-copy.ts';
import { createRoom } from '../../../../src/agent/logger/log-room.ts';
import { outcomeOf } from '../../../../src/agent/logger/event-post.ts';
import { createParcelQueue, type ParcelQueue } from '../../../../src/agent/logger/parcel-queue.ts';
import type { Parcel } from '../../../../src/agent/logger/parcels.ts';
import { objectKey } from '../../../../src/agent/logger/object-format.ts';
import { type LogRecord, recordHead } from '../../../../src/agent/logger/record.ts';
import { LOGGER_FLAG_DEFAULTS } from '../../../../src/agent/logger/flags.ts';
import { readLogger } from '../../../../src/agent/logger/settings.ts';
import type { Clock, EpochMs, Milliseconds } from '../../../../src/lib/clock.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';

function recordOf(body: string, id = 'id'): LogRecord {
  const of = { id, kind: 'request', contentType: '', metadata: new Map(), cutFrom: undefined } as const;
  return { ...of, body: Buffer.from(body), time: 0 as EpochMs };
}

describe('the room', () => {
  it('limits the bytes of records and of incomplete bodies', () => {
    const room = createRoom({ events: 10, bytes: 10 });
    const one = copyBody(room, 100);
    const other = copyBody(room, 100);
    one.add(Buffer.from('123456'));
    other.add(Buffer.from('12345'));
    expect(other.finish()).toBeUndefined();
    expect(one.finish()?.body.toString()).toBe('123456');
    expect(room.size()).toEqual({ events: 0, bytes: 6 });
    expect(room.enter()).toBe(true);
    expect(room.size()).toEqual({ events: 1, bytes: 6 });
    room.left({ events: 1, bytes: 6 });
    expect(room.size()).toEqual({ events: 0, bytes: 0 });
  });

  it('limits the number of events', () => {
    const room = createRoom({ events: 2, bytes: 10 });
    expect([room.enter(), room.enter(), room.enter()]).toEqual([true, true, false]);
  });

  it('releases the bytes of a cancelled body', () => {
    const room = createRoom({ events: 2, bytes: 10 });
    const copy = copyBody(room, 3);
    copy.add(Buffer.from('12345'));
    expect(room.size().bytes).toBe(3);
    copy.cancel();
    copy.cancel();
    expect(room.size().bytes).toBe(0);
  });
});

describe('the queue', () => {
  it('is crowded by more than half of the events or bytes, including those being sent', () => {
    const queue = createParcelQueue({ events: 4, bytes: 10 });
    const parcels = ['', '', '12345', '6'].map((body) => [recordOf(body)]);
    queue.add(parcels[0]!);
    queue.add(parcels[1]!);
    expect([queue.next(), queue.isCrowded()]).toEqual([parcels[0], false]);
    queue.add(parcels[2]!);
    expect(queue.isCrowded()).toBe(true);
    queue.done(parcels[0]!);
    queue.done(parcels[1]!);
    expect(queue.isCrowded()).toBe(false);
    queue.add(parcels[3]!);
    expect(queue.isCrowded()).toBe(true);
  });
});

describe('a sink that fails', () => {
  const outcomes: SendOutcome[] = [];
  const sent: string[] = [];
  const pauses: { readonly span: Milliseconds; readonly end: () => void }[] = [];
  const counted: string[] = [];
  const textOf = ([record]: Parcel): string => record!.body.toString();
  const clock: Clock = {
    ...systemClock,
    sleep: (span, signal) =>
      new Promise((resolve) => {
        pauses.push({ span, end: resolve });
        signal?.addEventListener('abort', () => resolve());
      }),
  };
  const cut = new AbortController();
  const delivery = (queue: ParcelQueue, workers: number) =>
    startDelivery({
      ...{ queue, workers, clock, random: () => 0, cut: cut.signal },
      send: (parcel) => {
        sent.push(textOf(parcel));
        return Promise.resolve(outcomes.shift() ?? { kind: 'sent' });
      },
      count: {
        sent: (parcel) => counted.push(`sent ${textOf(parcel)}`),
        dropped: (parcel) => counted.push(`dropped ${textOf(parcel)}`),
        failed: () => undefined,
        flush: () => undefined,
      },
    });
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    for (const list of [outcomes, sent, pauses, counted]) list.length = 0;
  });

  it('gets a pause after each failure, also when events are dropped for others', async () => {
    outcomes.push({ kind: 'later', why: '' }, { kind: 'later', why: '' });
    const { offer, stop } = delivery(createParcelQueue({ events: 4, bytes: 100 }), 1);
    for (const body of ['1', '2', '3', '4']) offer([recordOf(body)]);
    await settled();
    expect([sent, counted, pauses.length]).toEqual([['1'], ['dropped 1'], 1]);
    pauses[0]!.end();
    await settled();
    expect([sent, counted, pauses.length]).toEqual([['1', '2'], ['dropped 1', 'dropped 2'], 2]);
    pauses[1]!.end();
    await settled();
    expect(counted).toEqual(['dropped 1', 'dropped 2', 'sent 3', 'sent 4']);
    await stop();
  });

  it('gets all waiting events as soon as it has accepted one', async () => {
    for (let failures = 0; failures < 3; failures += 1) outcomes.push({ kind: 'later', why: '' });
    const { offer, stop } = delivery(createParcelQueue({ events: 100, bytes: 100 }), 3);
    for (const body of ['1', '2', '3']) offer([recordOf(body)]);
    await settled();
    expect([counted, pauses.length]).toEqual([[], 3]);
    pauses[1]!.end();
    await settled();
    expect([...counted].sort()).toEqual(['sent 1', 'sent 2', 'sent 3']);
    await stop();
  });

  it('loses the events that it has not accepted in time', async () => {
    outcomes.push({ kind: 'later', why: '' });
    const { offer, stop } = delivery(createParcelQueue({ events: 100, bytes: 100 }), 1);
    for (const body of ['1', '2']) offer([recordOf(body)]);
    await settled();
    const stopped = stop();
    cut.abort();
    await stopped;
    expect(counted).toEqual(['dropped 1', 'dropped 2']);
  });
});

describe('a head', () => {
  it('has an id, a type and metadata', () => {
    const raw = ['ce-id', 'x', 'Content-Type', 'a', 'X-TEAM', 'one', 'x-team', 't\xc3\xa4', 'Host', 'h'];
    const { id, contentType, metadata } = recordHead(raw, new Set(['X-Team', 'Host']), () => 'made');
    expect([id, contentType]).toEqual(['x', 'a']);
    expect([...metadata]).toEqual([['X-Team', ['one', 'tä']]]);
  });

  it.each([[['Ce-Id', '']], [[]]])('gets a new id if it has none: %j', (raw) => {
    expect(recordHead(raw, new Set(), () => 'made')).toEqual({
      ...{ id: 'made', contentType: '', metadata: new Map() },
    });
  });
});

describe('a response of a sink', () => {
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

describe('the key of an object', () => {
  it.each([
    ['id', 'p/ns/isvc/logs/id-request.json'],
    ['../../other', 'p/ns/isvc/logs/..%2F..%2Fother-request.json'],
    ['a\nb', 'p/ns/isvc/logs/a%0Ab-request.json'],
  ])('for the id %j', (id, key) => {
    const flags = { ...LOGGER_FLAG_DEFAULTS, logUrl: 's3://b', inferenceService: 'isvc', namespace: 'ns' };
    const { origin } = readLogger(flags, 9081).settings!;
    expect(objectKey({ prefix: 'p/', storePath: '/logs' }, recordOf('', id), origin, 'json')).toBe(key);
  });
});
