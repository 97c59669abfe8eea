import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDrainWait } from '../../../src/agent/drain-wait.ts';
import { checkAgentOptions, FLAG_DEFAULTS } from '../../../src/agent/options.ts';
import { silentLogger } from '../../../src/lib/log.ts';
import { startServing } from '../../../src/agent/serving.ts';
import { createStatusBoard } from '../../../src/agent/status/status-store.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';

describe('a port that the model server uses', () => {
  it.each(['port', 'statusPort'] as const)(
    '%s: reports the port, the probable process and the solution',
    async (flag) => {
      const modelServer = createServer().listen(0, '127.0.0.1');
      await once(modelServer, 'listening');
      const { port } = modelServer.address() as AddressInfo;
      const options = checkAgentOptions({
        ...FLAG_DEFAULTS,
        port: '0',
        statusPort: '0',
        [flag]: String(port),
      });
      const started = startServing({
        options,
        address: '127.0.0.1',
        notReady: () => Promise.resolve(undefined),
        board: createStatusBoard('i', systemClock.now()),
        drainWait: createDrainWait(systemClock),
        models: () => [],
        stopwatch: () => performance.now(),
        clock: systemClock,
        log: silentLogger,
        environment: {},
        logThread: new URL('file:///none'),
      });
      await expect(started).rejects.toMatchObject({
        code: 'AGENT_PORT_TAKEN',
        message: expect.stringMatching(`port ${port} .*perhaps the model server.*another port`),
      });
      modelServer.close();
    },
  );
});
