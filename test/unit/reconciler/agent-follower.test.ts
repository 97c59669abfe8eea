import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Agent } from 'undici';
import { agentConnections, followAgent } from '../../../src/reconciler/agent-follower.ts';
import type { AgentFollower } from '../../../src/reconciler/agent-follower.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { eventuallyTrue } from '../../support/eventually.ts';

const model = (name: string, phase: string) => ({ name, phase, specHash: null, reason: '', message: '' });
const snapshot = (instance: string, sequence: number, ...models: object[]) => ({
  ...{ type: 'SNAPSHOT', sequence },
  status: { version: 'kserve-mms/agent-status.v1', instance, sequence, models },
});

describe('following an agent', () => {
  let server: Server;
  let connections: Agent;
  let follower: AgentFollower;
  let asked: string[];
  let told: (readonly string[] | undefined)[];

  async function follow(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<void> {
    asked = [];
    told = [];
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    connections = agentConnections();
    follower = followAgent({
      ...{ baseUrl: `http://127.0.0.1:${port}`, connections, clock: systemClock, random: () => 0 },
      onChange: (models) => told.push(models === undefined ? undefined : [...models]),
    });
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

  it('takes the snapshot and every change, and tells of them', async () => {
    await follow((_request, response) => {
      send(response, snapshot('i', 1, model('a', 'Queued'), model('b', 'Loaded')));
      send(response, { type: 'MODEL', sequence: 2, model: model('a', 'Loaded') });
      send(response, { type: 'REMOVED', sequence: 3, name: 'b' }, { type: 'NEWS', sequence: 4 });
    });
    await becomes({ a: 'Loaded' });
    expect(told).toEqual([undefined, ['a'], ['b']]);
    expect(follower.silence).toBeUndefined();
  });

  it('goes on where it was after a break, and keeps what it knows meanwhile', async () => {
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

  it('hears an agent that has nothing new to say', async () => {
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
      'is not there',
      (response: ServerResponse) => response.writeHead(404).end('not here'),
      'it answered 404',
    ],
    ['speaks no JSON', (response: ServerResponse) => response.end('hello\n'), 'not a JSON object'],
    ['never ends a line', (response: ServerResponse) => endless(response), 'a line of more than'],
    ['floods', (response: ServerResponse) => flood(response), 'more than can be read'],
    [
      'leads elsewhere',
      (response: ServerResponse) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      'it answered 302',
    ],
    ['breaks off', (response: ServerResponse) => response.destroy(), ''],
  ])('says why nothing is heard of one that %s, and tries again', async (_, answer, why) => {
    await follow((_request, response) => {
      answer(response);
    });
    await eventuallyTrue('asked again', () => asked.length >= 2);
    expect(follower.silence?.why).toContain(why);
    expect(follower.silence?.refused).toBe(false);
  });

  it('begins anew with one that has sent something wrong', async () => {
    await follow((_request, response) => {
      send(response, snapshot('i', asked.length, model('a', 'Loaded')));
      if (asked.length === 1) send(response, { type: 'MODEL', sequence: 2, model: { name: 'a' } });
    });
    await eventuallyTrue('asked again', () => asked.length === 2 && follower.silence === undefined);
    expect(asked[1]).toBe('/v1/models/watch');
  });

  it('knows a port at which nothing listens', async () => {
    await follow((_request, response) => void response.end());
    await follower.stop();
    server.closeAllConnections();
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    follower = followAgent({
      ...{ baseUrl: `http://127.0.0.1:${port}`, connections, clock: systemClock, random: () => 0 },
      onChange: () => undefined,
    });
    await eventuallyTrue('refused', () => follower.silence?.refused === true);
    expect(follower.silence?.why).toBe('nothing listens there');
    server = createServer().listen(0);
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

function flood(response: ServerResponse): void {
  const chunk = '{"type":"HEARTBEAT","sequence":1}\n'.repeat(1_000);
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
}
