import process from 'node:process';
import { createForkedPuller } from '../../src/agent/puller/forked-puller.ts';
import type { ForkedPullerOptions } from '../../src/agent/puller/forked-puller.ts';
import { spawnPuller } from '../../src/agent/puller/spawn-puller.ts';
import type { Puller } from '../../src/agent/puller/contract.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../src/agent/sources/settings.ts';
import type { Logger } from '../../src/lib/log.ts';

export const PULLER_ENTRY = new URL('../../src/agent/puller/puller-main.ts', import.meta.url);

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** The puller in its own process, as the agent runs it, from the sources. */
export function testForkedPuller(options: Partial<ForkedPullerOptions> = {}): Puller {
  const env = { PATH: process.env['PATH'], ...options.env };
  return createForkedPuller({
    spawn: () => spawnPuller(PULLER_ENTRY, env),
    settings: DEFAULT_SOURCE_SETTINGS,
    logger: silentLogger,
    idleMs: 1_000,
    abortGraceMs: 10_000,
    ...options,
    env,
  });
}
