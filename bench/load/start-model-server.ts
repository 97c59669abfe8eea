import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { portIsFree } from '../../src/development/controlplane/ports.ts';

/** The only port at which KServe's agent looks for a model server. Ours is configured with it. */
export const MODEL_SERVER_PORT = 8080;

const PROGRAM = fileURLToPath(new URL('model-server.mts', import.meta.url));

interface Load {
  readonly name: string;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** A model server that takes no time, in its own process, so that the measured time is the agent's. */
export interface BenchModelServer {
  /** All loads since the last forget(), also repeated ones. */
  readonly loads: readonly Load[];
  forget(): void;
  stop(): void;
}

/** @param loadMs the duration of each load; loads run one after another */
export async function startModelServer(loadMs = 0): Promise<BenchModelServer> {
  await eventuallyTrue(
    `port ${MODEL_SERVER_PORT} is free, the only one that KServe's agent knows`,
    () => portIsFree(MODEL_SERVER_PORT),
    10_000,
  );
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const loads: Load[] = [];
  child.send({ port: MODEL_SERVER_PORT, loadMs });
  await once(child, 'message');
  child.on('message', (load) => loads.push(load as Load));
  return {
    loads,
    forget: () => {
      loads.length = 0;
      child.send('forget');
    },
    stop: () => child.disconnect(),
  };
}
