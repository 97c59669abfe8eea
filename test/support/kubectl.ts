import { execFile } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { promisify } from 'node:util';
import { binaryOptions } from '../../src/cli/binary-options.ts';
import { findBinaries } from '../../src/development/controlplane/binaries.ts';

const run = promisify(execFile);

/** The kubectl that belongs to the control plane under test. */
export async function findKubectl(): Promise<{ readonly path: string; readonly assets: string }> {
  const { kubectl, etcd } = await findBinaries(binaryOptions(process.env, () => undefined));
  return { path: kubectl, assets: dirname(etcd) };
}

/** The environment for commands from a page: this kubectl and a cluster. */
export async function kubectlEnvironment(kubeconfig: string): Promise<NodeJS.ProcessEnv> {
  const { path } = await findKubectl();
  const PATH = `${dirname(path)}${delimiter}${process.env['PATH'] ?? ''}`;
  return { ...process.env, PATH, KUBECONFIG: kubeconfig };
}

/** Runs kubectl against a cluster and resolves with its output; rejects with its error output. */
export function kubectl(kubeconfig: string, ...args: readonly string[]): Promise<string> {
  return kubectlWithInput(kubeconfig, '', args);
}

/** The same, with input on stdin. */
export async function kubectlWithInput(
  kubeconfig: string,
  input: string,
  args: readonly string[],
): Promise<string> {
  return (await ended(kubeconfig, input, args)).stdout;
}

/** Runs kubectl to its end. @throws as execFile does, if the exit code is not 0 */
async function ended(
  kubeconfig: string,
  input: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const { path } = await findKubectl();
  const running = run(path, ['--kubeconfig', kubeconfig, ...args], { maxBuffer: 64 * 1024 * 1024 });
  // A command that reads no input may end before this is written. How it ended is in its exit code.
  running.child.stdin?.on('error', () => undefined).end(input);
  return running;
}

export interface KubectlOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The same for any exit code, to see warnings and refusals. */
export async function kubectlOutcome(
  kubeconfig: string,
  input: string,
  args: readonly string[],
): Promise<KubectlOutcome> {
  try {
    return { code: 0, ...(await ended(kubeconfig, input, args)) };
  } catch (thrown) {
    const { code, stdout = '', stderr = '' } = thrown as Partial<KubectlOutcome>;
    if (typeof code !== 'number') throw thrown;
    return { code, stdout, stderr };
  }
}
