import { execFile } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { binaryOptions } from '../src/cli/binary-options.ts';
import { findBinaries } from '../src/development/controlplane/binaries.ts';
import { KSERVE_VERSION } from '../test/support/kserve-programs.ts';
import type { Machine } from './report/results.ts';

const run = promisify(execFile);

/** The properties that the figures depend on, without the machine's name. */
export async function machineFacts(): Promise<Machine> {
  const { kubeApiserver } = await findBinaries(binaryOptions(process.env, () => undefined));
  const [kubernetes, go] = await Promise.all([
    run(kubeApiserver, ['--version']),
    run('go', ['env', 'GOVERSION']),
  ]);
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    // Only the number, because the rest names a build.
    kernel: /^\d+\.\d+/.exec(release())?.[0] ?? release(),
    node: process.version.slice(1),
    go: go.stdout.trim().replace(/^go/, ''),
    kubernetes: kubernetes.stdout.trim().replace(/^Kubernetes v/, ''),
    kserve: KSERVE_VERSION,
  };
}
