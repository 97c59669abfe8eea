import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { KubeConfig } from '@kubernetes/client-node';
import { milliseconds } from '../../../src/lib/clock.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { runManager } from '../../../src/manager/manager.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { quietLogger } from '../../support/quiet-logger.ts';

/** The system clock, with a counter of pending sleeps. */
function countedClock(): Clock & { readonly sleeping: () => number } {
  let sleeping = 0;
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
    sleeping: () => sleeping,
    async sleep(span, signal) {
      sleeping += 1;
      await systemClock.sleep(span, signal);
      sleeping -= 1;
    },
  };
}

/** A cluster that cannot be reached: every watch fails and waits to retry. */
function unreachable(): KubeConfig {
  const config = new KubeConfig();
  const cluster = { name: 'c', server: 'https://127.0.0.1:1', skipTLSVerify: true };
  config.loadFromClusterAndUser(cluster, { name: 'u', token: 't' });
  return config;
}

describe('a manager that cannot start', () => {
  it.each(['health', 'metrics', 'webhook', 'page'])(
    'because its %s port is in use reports the flag, and leaves nothing running',
    async (part) => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '0.0.0.0', resolve));
      const { port } = taken.address() as AddressInfo;
      const clock = countedClock();
      const running = runManager(
        {
          kubeConfig: unreachable(),
          ...{ userAgent: 'test', mode: 'in-cluster', namespace: 'mms', identity: 'a', certificate: 'self' },
          ports: { webhook: 0, metrics: 0, health: 0, page: undefined, [part]: port },
          ...{ agentImage: undefined, injectCredentials: true, propagate: true, predictors: false },
          ...{
            clientAuthorityFile: undefined,
            allowMemoryChanges: false,
            trainedModelStatus: 'off',
            kserve: 'beside',
          },
          ...{ drain: milliseconds(0), clock, random: Math.random, logger: quietLogger },
        },
        new AbortController().signal,
      );
      await expect(running).rejects.toMatchObject({
        code: 'PORT_UNAVAILABLE',
        message: expect.stringContaining(`--${part}-port`),
      });
      expect(clock.sleeping()).toBe(0);
      taken.close();
    },
  );
});
