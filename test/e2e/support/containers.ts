import process from 'node:process';
import { runProgram } from '../../../src/development/controlplane/run-program.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { run, thisNode } from './this-node.ts';

/**
 * Kills the first process of a pod's first container with SIGKILL, as the kernel does when memory runs out. Resolves
 * once kubelet has noticed.
 */
export async function killContainer(namespace: string, pod: string): Promise<void> {
  const containerId = (): Promise<string> =>
    run('-n', namespace, 'get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].containerID}');
  const id = await containerId();
  const container = id.replace('containerd://', '');
  const { containerdSocket } = thisNode();
  const args = ['--address', containerdSocket, '--namespace', 'k8s.io', 'tasks', 'list'];
  const tasks = await runProgram({ command: 'ctr', args });
  const [, pid] =
    tasks
      .split('\n')
      .find((line) => line.startsWith(container))
      ?.split(/\s+/) ?? [];
  if (pid === undefined) throw new Error(`no process of ${namespace}/${pod}:\n${tasks}`);
  process.kill(Number(pid), 'SIGKILL');
  await eventuallyTrue('kubelet has seen the end of the container', async () => (await containerId()) !== id);
}
