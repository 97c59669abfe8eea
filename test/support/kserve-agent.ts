import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../../src/development/controlplane/lock.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { eventually } from './eventually.ts';
import { kservePrograms } from './kserve-programs.ts';

/** KServe's own agent as a proxy, without its puller. */
export interface KServeAgent {
  readonly port: number;
  stop(): Promise<void>;
}

/** How long a hook or a test may take that starts KServe's agent: other tests may have to stop theirs first. */
export const KSERVE_AGENT_STARTS_WITHIN = 600_000;

/**
 * Starts KServe's agent before a component, and waits until it listens. Besides its port, every such agent listens at a socket
 * with the same name, and ends if another agent of the machine has it. So one runs at a time: the next starts after `stop`.
 */
export async function startKServeAgent(
  componentPort: number,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<KServeAgent> {
  const { agent } = await kservePrograms();
  return new Promise((resolve, reject) => {
    const waiting = () => void process.stderr.write("waiting for another test's KServe agent …\n");
    const whileItRuns = withLock(join(tmpdir(), 'kserve-mms-kserve-agent.lock'), waiting, async () => {
      const { port, child, exited } = await launch(agent, componentPort, flags, environment);
      await new Promise<void>((stop) => {
        resolve({
          port,
          stop: async () => {
            child.kill('SIGKILL');
            await exited.catch(() => undefined);
            stop();
            await whileItRuns;
          },
        });
      });
    });
    whileItRuns.catch(reject);
  });
}

async function launch(
  agent: string,
  componentPort: number,
  flags: readonly string[],
  environment: Readonly<Record<string, string>>,
) {
  const probe = { tcpSocket: { port: componentPort, host: '127.0.0.1' }, successThreshold: 1 };
  const [port = 0] = await freePorts(1);
  const args = ['--port', String(port), '--component-port', String(componentPort), ...flags];
  const env = { ...environment, SERVING_READINESS_PROBE: JSON.stringify(probe) };
  const child = spawn(agent, args, { env, stdio: 'ignore' });
  const exited = once(child, 'exit').then(() => {
    throw new Error("KServe's agent ended. Does another one run on this machine, outside of the tests?");
  });
  exited.catch(() => undefined);
  await Promise.race([exited, eventually(() => connectOnce(port), 30_000, 20)]);
  return { port, child, exited };
}

async function connectOnce(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
