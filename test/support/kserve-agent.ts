import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { eventually } from './eventually.ts';
import { kservePrograms } from './kserve-programs.ts';

/** KServe's own agent as a proxy, without its puller. */
export interface KServeAgent {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts KServe's agent before a component, and waits until it listens. It also listens at a socket with a fixed name,
 * and ends when another agent on the machine has that socket; it is then restarted.
 */
export async function startKServeAgent(
  componentPort: number,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<KServeAgent> {
  const { agent } = await kservePrograms();
  const probe = { tcpSocket: { port: componentPort, host: '127.0.0.1' }, successThreshold: 1 };
  return eventually(async () => {
    const [port = 0] = await freePorts(1);
    const child = spawn(
      agent,
      ['--port', String(port), '--component-port', String(componentPort), ...flags],
      {
        env: { ...environment, SERVING_READINESS_PROBE: JSON.stringify(probe) },
        stdio: 'ignore',
      },
    );
    const exited = once(child, 'exit').then(() => {
      throw new Error("KServe's agent ended; does another one run on this machine?");
    });
    exited.catch(() => undefined);
    await Promise.race([exited, eventually(() => connectOnce(port), 30_000, 20)]);
    return {
      port,
      stop: async () => {
        child.kill('SIGKILL');
        await exited.catch(() => undefined);
      },
    };
  }, 60_000);
}

async function connectOnce(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}
