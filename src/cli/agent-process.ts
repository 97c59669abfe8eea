import { pino } from 'pino';
import { systemClock } from '../system/clock.ts';
import {
  createForkedPuller,
  DEFAULT_ABORT_GRACE_MS,
  DEFAULT_IDLE_MS,
} from '../agent/puller/forked-puller.ts';
import { runAgent } from '../agent/run-agent.ts';
import type { AgentRun } from './agent.ts';
import { aborted } from '../core/abort.ts';
import type { Logger } from '../core/log.ts';

/** Runs the agent with the real clock, dice, log and puller; resolves when it was asked to end and has drained. */
export async function runAgentProcess({
  options,
  environment,
  signal,
  instance,
  spawnPuller,
  stdout,
}: AgentRun): Promise<void> {
  const logger: Logger = pino(
    { base: { component: 'agent' }, timestamp: pino.stdTimeFunctions.isoTime },
    stdout,
  );
  const puller = createForkedPuller({
    spawn: spawnPuller,
    env: environment,
    settings: options.sources,
    logger,
    idleMs: DEFAULT_IDLE_MS,
    abortGraceMs: DEFAULT_ABORT_GRACE_MS,
  });
  // A pod that starts has models to fetch; a process that finds nothing to do goes away by itself.
  if (options.enablePuller) puller.warm();
  const agent = await runAgent({
    options,
    readinessProbe: environment['SERVING_READINESS_PROBE'],
    instance,
    puller,
    environment,
    clock: systemClock,
    random: Math.random,
    stopwatch: () => performance.now(),
    log: logger,
  });
  await aborted(signal);
  await agent.stop();
}
