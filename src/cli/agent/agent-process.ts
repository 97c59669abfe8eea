import type { ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { AgentOptions } from '../../agent/options.ts';
import { systemClock } from '../../lib/system-clock.ts';
import {
  createForkedPuller,
  DEFAULT_ABORT_GRACE_MS,
  DEFAULT_IDLE_MS,
} from '../../agent/puller/forked-puller.ts';
import { startsWithFarModels } from '../../agent/puller/early-start.ts';
import { createNearPuller } from '../../agent/puller/near-puller.ts';
import { runAgent } from '../../agent/run-agent.ts';
import { aborted } from '../../lib/abort.ts';
import { processLog } from '../process-log.ts';

/** What the command line and the process give the agent. */
interface AgentRun {
  readonly options: AgentOptions;
  readonly environment: NodeJS.ProcessEnv;
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal;
  /** A new one for every start. */
  readonly instance: string;
  /** Where the log goes. */
  readonly stdout: Writable;
  /** Gives the process that pulls. */
  readonly spawnPuller: () => ChildProcess;
  /** What the thread of the request logger runs. */
  readonly logThread: URL;
}

/** Runs the agent with the real clock, dice, log and puller; resolves when it was asked to end and has drained. */
export async function runAgentProcess({
  options,
  environment,
  signal,
  instance,
  spawnPuller,
  logThread,
  stdout,
}: AgentRun): Promise<void> {
  const logger = await processLog({ component: 'agent', level: 'info', stdout, environment });
  // The model server runs as another user and has to read what is stored here.
  process.umask(0o022);
  const { sources: settings } = options;
  const forked = createForkedPuller({
    spawn: spawnPuller,
    env: environment,
    settings,
    logger,
    idleMs: DEFAULT_IDLE_MS,
    abortGraceMs: DEFAULT_ABORT_GRACE_MS,
  });
  if (options.enablePuller && startsWithFarModels(options.configDir)) forked.warm();
  const puller = createNearPuller({ env: environment, settings, clock: systemClock }, forked);
  const agent = await runAgent({
    options,
    ...(options.host !== undefined && { address: options.host }),
    readinessProbe: environment['SERVING_READINESS_PROBE'],
    instance,
    puller,
    environment,
    logThread,
    clock: systemClock,
    random: Math.random,
    stopwatch: () => performance.now(),
    log: logger,
  });
  await aborted(signal);
  await agent.stop();
}
