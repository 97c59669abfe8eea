import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Agent } from 'undici';
import { milliseconds } from '../../../../src/lib/clock.ts';
import type { Clock } from '../../../../src/lib/clock.ts';
import { agentConnections } from '../../../../src/controllers/status/agent-follower.ts';
import type { AgentFollower } from '../../../../src/controllers/status/agent-follower.ts';
import { pollReadiness } from '../../../../src/controllers/status/readiness-poller.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';
import { eventuallyTrue } from '../../../support/eventually.ts';
import { startV2Server } from '../../../support/v2-server.ts';
import type { V2Server } from '../../../support/v2-server.ts';

/** A clock that runs a hundred times as fast. */
const hasty: Clock = {
  now: systemClock.now,
  monotonic: systemClock.monotonic,
  sleep: (span, signal) => systemClock.sleep(milliseconds(span / 100), signal),
};
/** The server still answers in time. */
const NAMES = ['a', 'b'];

describe('polling a model server for readiness', () => {
  let server: V2Server;
  let connections: Agent;
  let poller: AgentFollower;

  beforeEach(async () => {
    server = await startV2Server('/nowhere');
    connections = agentConnections();
    poller = pollReadiness({
      ...{ baseUrl: `http://127.0.0.1:${server.port}`, connections, clock: hasty },
      ...{ names: () => NAMES, onChange: () => undefined },
    });
  });

  afterEach(async () => {
    await poller.stop();
    await connections.destroy();
    await server.stop();
  });

  const phases = (): unknown[] => NAMES.map((name) => poller.models.get(name)?.phase);

  it('reports which models are ready, without a version', async () => {
    await eventuallyTrue('both are known', () => phases().every((phase) => phase === 'Loading'));
    (server.loaded as Map<string, string>).set('a', 'weights');
    await eventuallyTrue('a is loaded', () => phases()[0] === 'Loaded');
    expect(phases()).toEqual(['Loaded', 'Loading']);
    expect(poller.models.get('a')?.specHash).toBeUndefined();
    expect(poller.silence).toBeUndefined();
  });

  it('reports silence when the server is gone, keeps the states, and recovers', async () => {
    await eventuallyTrue('heard', () => poller.silence === undefined);
    await server.crash();
    await eventuallyTrue('silent', () => poller.silence !== undefined);
    expect(phases()).toEqual(['Loading', 'Loading']);
    await server.restart();
    await eventuallyTrue('heard again', () => poller.silence === undefined);
  });
});
