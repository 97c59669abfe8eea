import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Agent } from 'undici';
import { milliseconds } from '../../../../src/lib/clock.ts';
import type { Milliseconds } from '../../../../src/lib/clock.ts';
import { agentConnections, followAgent } from '../../../../src/controllers/status/agent-follower.ts';
import type {
  AgentFollowerOptions,
  AgentStreamFollower,
} from '../../../../src/controllers/status/agent-follower.ts';
import { createAgentRoom } from '../../../../src/controllers/status/agent-room.ts';
import { createOpeningSlots } from '../../../../src/controllers/status/opening-slots.ts';
import { createReadingTurns } from '../../../../src/controllers/status/reading-turns.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';

const model = (name: string, phase: string) => ({ name, phase, specHash: null, reason: '', message: '' });
const snapshot = (instance: string, sequence: number, ...models: object[]) => ({
  ...{ type: 'SNAPSHOT', sequence },
  status: { version: 'kserve-mms/agent-status.v1', instance, sequence, models },
});

describe('following an agent', () => {
  let server: Server;
  let connections: Agent;
  let follower: AgentStreamFollower;
  let faults: string[];
  let ignored: number;
  /** The names of the existing TrainedModels. */
  let models: Set<string>;
  let asked: string[];
  let reported: (readonly string[] | undefined)[];

  const optionsFor = (port: number, change: Partial<AgentFollowerOptions> = {}): AgentFollowerOptions => ({
    ...{ baseUrl: `http://127.0.0.1:${port}`, connections, clock: systemClock, random: () => 0 },
    ...{ turns: createReadingTurns(systemClock), room: createAgentRoom(), group: 'ns' },
    ...{ slots: createOpeningSlots(), inferenceService: 'ns/sk', faultyPods: () => 0 },
    isModel: (name) => models.has(name),
    onIgnored: () => (ignored += 1),
    onFault: (why) => faults.push(why),
    onChange: (changed) => reported.push(changed === undefined ? undefined : [...changed]),
    ...change,
  });

  async function follow(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    change: Partial<AgentFollowerOptions> = {},
  ): Promise<void> {
    [asked, faults, ignored, models] = [[], [], 0, new Set(['a', 'b'])];
    reported = [];
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    connections = agentConnections();
    follower = followAgent(optionsFor(port, change));
  }

  afterEach(async () => {
    await follower.stop();
    await connections.destroy();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  const send = (response: ServerResponse, ...events: object[]): void => {
    for (const event of events) response.write(`${JSON.stringify(event)}\n`);
  };
  const phases = (): Record<string, string> =>
    Object.fromEntries([...follower.models].map(([name, { phase }]) => [name, phase]));
  const becomes = (expected: object): Promise<void> =>
    eventuallyTrue(JSON.stringify(expected), () => JSON.stringify(phases()) === JSON.stringify(expected));

  it('receives the snapshot and every change, and reports them', async () => {
    await follow((_request, response) => {
      send(response, snapshot('i', 1, model('a', 'Queued'), model('b', 'Loaded')));
      send(response, { type: 'MODEL', sequence: 2, model: model('a', 'Loaded') });
      send(response, { type: 'REMOVED', sequence: 3, name: 'b' }, { type: 'NEWS', sequence: 4 });
    });
    await becomes({ a: 'Loaded' });
    expect(reported).toEqual([undefined, ['a'], ['b']]);
    expect(follower.silence).toBeUndefined();
  });

  it('continues at its position after a broken connection, and keeps the states meanwhile', async () => {
    await follow((_request, response) => {
      if (asked.length === 1) {
        send(response, snapshot('i/1', 7, model('a', 'Loaded')));
        response.end();
      } else {
        send(response, { type: 'MODEL', sequence: 8, model: model('b', 'Loading') });
      }
    });
    await becomes({ a: 'Loaded', b: 'Loading' });
    expect(asked).toEqual(['/v1/models/watch', '/v1/models/watch?instance=i%2F1&since=7']);
  });

  it('is not silent when the agent has nothing new to send', async () => {
    await follow((_request, response) => {
      if (asked.length === 1) {
        send(response, snapshot('i', 7, model('a', 'Loaded')));
        response.end();
      } else response.flushHeaders();
    });
    await eventuallyTrue('asked again', () => asked.length === 2 && follower.silence === undefined);
    expect(phases()).toEqual({ a: 'Loaded' });
  });

  it.each([
    [
      'has no such path',
      (response: ServerResponse) => response.writeHead(404).end('not here'),
      'it answered 404',
    ],
    ['sends no JSON', (response: ServerResponse) => response.end('hello\n'), 'not a JSON object'],
    ['never ends a line', (response: ServerResponse) => endless(response), 'a line of more than'],
    ['floods', (response: ServerResponse) => flood(response), 'too many'],
    [
      'redirects',
      (response: ServerResponse) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'it answered 302',
    ],
    ['closes the connection', (response: ServerResponse) => response.destroy(), ''],
  ])('reports the reason when the agent %s, and tries again', async (_, answer, why) => {
    await follow((_request, response) => {
      answer(response);
    });
    await eventuallyTrue('asked again', () => asked.length >= 2);
    expect(follower.silence?.why).toContain(why);
    expect(follower.silence?.refused).toBe(false);
  });

  it('requests a new snapshot after an invalid event', async () => {
    await follow((_request, response) => {
      send(response, snapshot('i', asked.length, model('a', 'Loaded')));
      if (asked.length === 1) send(response, { type: 'MODEL', sequence: 2, model: { name: 'a' } });
    });
    await eventuallyTrue('asked again', () => asked.length === 2 && follower.silence === undefined);
    expect(asked[1]).toBe('/v1/models/watch');
  });

  it('ignores and counts models without a TrainedModel', async () => {
    await follow((_request, response) => {
      send(response, snapshot('i', 1, model('a', 'Loaded'), model('invented', 'Failed')));
      send(response, { type: 'MODEL', sequence: 2, model: model('c', 'Loaded') });
      send(response, { type: 'MODEL', sequence: 3, model: model('b', 'Loaded') });
    });
    await becomes({ a: 'Loaded', b: 'Loaded' });
    expect(reported).toEqual([undefined, ['b']]);
    expect(ignored).toBe(2);
    expect(faults).toEqual([]);
  });

  it('requests the snapshot again when a TrainedModel appears for an ignored model', async () => {
    const clock = { ...systemClock, sleep: hasty };
    await follow(
      (_request, response) => {
        send(response, snapshot('i', 1, model('a', 'Loaded'), model('late', 'Loaded')));
      },
      { clock },
    );
    await becomes({ a: 'Loaded' });
    models.add('late');
    follower.modelAppeared();
    await becomes({ a: 'Loaded', late: 'Loaded' });
    expect(asked).toEqual(['/v1/models/watch', '/v1/models/watch']);
    expect(follower.silence).toBeUndefined();
  });

  it('requests nothing again when it ignored nothing', async () => {
    await follow((_request, response) => {
      send(response, snapshot('i', 1, model('a', 'Loaded'), model('gone', 'Unloading')));
    });
    await becomes({ a: 'Loaded' });
    follower.modelAppeared();
    follower.modelGone('a');
    expect(phases()).toEqual({});
    expect(asked).toEqual(['/v1/models/watch']);
  });

  const invented = Array.from({ length: 19_500 }, (_, index) => model(`invented-${index}`, 'Failed'));

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['invents models', (response) => send(response, snapshot('i', 1, ...invented)), 'without a TrainedModel'],
    [
      'invents models one by one',
      (response) => {
        send(response, snapshot('i', 1));
        for (const each of invented.slice(0, 2_000))
          send(response, { type: 'MODEL', sequence: 2, model: each });
      },
      'without a TrainedModel',
    ],
    [
      'sends an endless model',
      (response) => {
        response.write('{"type":"SNAPSHOT","status":{"models":[{"name":"a","message":"');
        endless(response);
      },
      'a line of more than 32768 bytes',
    ],
    [
      'sends an endless list of models',
      (response) => {
        response.write(`{"type":"SNAPSHOT","status":{"models":[${JSON.stringify(model('a', 'Loaded'))}`);
        repeat(response, `,${JSON.stringify(model('a', 'Loaded'))}`);
      },
      'more than 20000 models',
    ],
    ['nests endlessly', (response) => repeat(response, '['), 'nested too deeply'],
    [
      'nests endlessly inside a model',
      (response) => {
        response.write('{"type":"SNAPSHOT","status":{"models":[{"name":');
        repeat(response, '{"a":');
      },
      'nested too deeply',
    ],
    ['sends endless white space', (response) => repeat(response, ' '), 'a line of more than'],
    ['sends endless empty lines', (response) => repeat(response, '\n'), 'too many'],
  ])('closes the connection of an agent that %s, and reports a fault', async (_, answer, why) => {
    await follow((_request, response) => {
      answer(response);
    });
    await eventuallyTrue('a fault', () => faults.length > 0);
    expect(faults[0]).toContain(why);
    expect(follower.silence?.why).toContain(why);
    expect(follower.models.size).toBe(0);
  });

  it('keeps only the beginning and the end of a long message', async () => {
    await follow((_request, response) => {
      send(response, snapshot('i', 1, { ...model('a', 'Failed'), message: 'x'.repeat(20_000) }));
    });
    await becomes({ a: 'Failed' });
    const message = follower.models.get('a')?.message ?? '';
    expect(message).toMatch(/^x+ … x+$/);
    expect(message.length).toBeLessThanOrEqual(400);
  });

  it('closes the connection when its namespace exceeds the memory limit', async () => {
    const room = createAgentRoom({ group: 1_200, total: 10_000 });
    await follow(
      (_request, response) => {
        send(
          response,
          snapshot('i', 1, model('a', 'Loaded'), { ...model('b', 'Failed'), message: 'x'.repeat(900) }),
        );
      },
      { room },
    );
    await eventuallyTrue('silence', () => follower.silence?.why.includes('more than is kept') === true);
    expect(follower.models.size).toBe(0);
  });

  it('reports a port that refuses connections', async () => {
    await follow((_request, response) => void response.end());
    await follower.stop();
    server.closeAllConnections();
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    follower = followAgent(optionsFor(port));
    await eventuallyTrue('refused', () => follower.silence?.refused === true);
    expect(follower.silence?.why).toBe('connection refused');
    server = createServer().listen(0);
  });

  it('stops while it waits to retry, and sends no further request', async () => {
    const slots = createOpeningSlots();
    await follow((_request, response) => void response.writeHead(503).end(), { slots, random: () => 1 });
    await eventuallyTrue('silence', () => follower.silence?.why === 'it answered 503');
    const before = asked.length;
    slots.close();
    await follower.stop();
    expect(asked.length).toBe(before);
  });
});

function endless(response: ServerResponse): void {
  const chunk = 'x'.repeat(1024 * 1024);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

/** Writes the same text repeatedly. */
function repeat(response: ServerResponse, text: string): void {
  const chunk = text.repeat(16 * 1024);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}

/** Sleeps for a hundredth of the span. */
function hasty(span: Milliseconds, signal?: AbortSignal): Promise<void> {
  return systemClock.sleep(milliseconds(span / 100), signal);
}

function flood(response: ServerResponse): void {
  const chunk = '{"type":"HEARTBEAT","sequence":1}\n'.repeat(1_000);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}
