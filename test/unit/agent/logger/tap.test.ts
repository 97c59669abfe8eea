import { beforeEach, describe, expect, it } from '@jest/globals';
import { LOGGER_FLAG_DEFAULTS } from '../../../../src/agent/logger/flags.ts';
import { createRoom, type LogRoom } from '../../../../src/agent/logger/log-room.ts';
import type { LogRecord } from '../../../../src/agent/logger/record.ts';
import { readLogger } from '../../../../src/agent/logger/settings.ts';
import { createTap } from '../../../../src/agent/logger/tap.ts';
import type { Look } from '../../../../src/agent/proxy/around.ts';
import type { EpochMs } from '../../../../src/lib/clock.ts';

describe('the tap', () => {
  let room: LogRoom;
  let taken: LogRecord[];
  let lost: number;
  let ids: number;

  beforeEach(() => {
    room = createRoom({ events: 2, bytes: 10 });
    taken = [];
    lost = 0;
    ids = 0;
  });

  function tap(flags: Partial<typeof LOGGER_FLAG_DEFAULTS> | { logMode: string }): Look {
    const { settings } = readLogger({ ...LOGGER_FLAG_DEFAULTS, logUrl: 'http://sink', ...flags }, 9081);
    return createTap({
      settings: settings!,
      room,
      take: (record) => taken.push(record),
      lost: () => (lost += 1),
      clock: { now: () => 7 as EpochMs },
      newId: () => `made-${(ids += 1)}`,
    });
  }
  const pass = (look: Look, request: string, status: number, answer: string, head: string[] = []) => {
    const sight = look(head);
    sight.request.add(Buffer.from(request));
    sight.request.end();
    const seen = sight.answer(status);
    seen.add(Buffer.from(answer));
    seen.end();
    sight.over();
  };
  const texts = () => taken.map(({ kind, id, body }) => `${kind} ${id} ${body.toString()}`);

  it('gives a request and its response the same id', () => {
    pass(tap({}), 'one', 200, 'two');
    expect(texts()).toEqual(['request made-1 one', 'response made-1 two']);
  });

  it.each([
    ['all', ['request made-1 one', 'response made-1 two']],
    ['request', ['request made-1 one']],
    ['response', ['response made-1 two']],
  ])('logs the messages of --log-mode %s', (logMode, records) => {
    pass(tap({ logMode }), 'one', 200, 'two');
    expect(texts()).toEqual(records);
  });

  it('logs only responses with status 200', () => {
    pass(tap({}), 'one', 201, 'two');
    expect(texts()).toEqual(['request made-1 one']);
    expect(room.size()).toEqual({ events: 1, bytes: 3 });
  });

  it('only counts messages beyond the room, without copying a body, reading a head or making an id', () => {
    const look = tap({});
    pass(look, 'one', 200, 'two');
    let reads = 0;
    const head = new Proxy<string[]>([], {
      get: (target, name) => {
        reads += 1;
        return Reflect.get(target, name) as unknown;
      },
    });
    pass(look, 'three', 200, 'four', head);
    expect({ lost, ids, reads, size: room.size() }).toEqual({
      lost: 2,
      ids: 1,
      reads: 0,
      size: { events: 2, bytes: 6 },
    });
  });

  it('releases the bytes of a request that does not end', () => {
    const sight = tap({})([]);
    sight.request.add(Buffer.from('one'));
    sight.answer(200).add(Buffer.from('two'));
    expect(room.size().bytes).toBe(6);
    sight.over();
    expect(room.size()).toEqual({ events: 0, bytes: 0 });
  });
});
