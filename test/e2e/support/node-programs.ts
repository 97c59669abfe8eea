import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { binaryOptions, cacheDirectory } from '../../../src/cli/binary-options.ts';
import { isExecutable } from '../../../src/development/controlplane/binary-cache.ts';
import { buildPrograms, pinnedKubernetes } from '../../../src/development/controlplane/go-build.ts';
import type { GoProgram } from '../../../src/development/controlplane/go-build.ts';
import { guardDirectory } from '../../../src/development/controlplane/guard.ts';
import { withLock } from '../../../src/development/controlplane/lock.ts';
import type { Progress } from '../../../src/development/controlplane/progress.ts';
import { formatVersion } from '../../../src/development/controlplane/version.ts';

/** What a node and its control plane need beside etcd and kube-apiserver. The envtest archives do not contain them. */
const PROGRAMS: readonly GoProgram[] = [
  { program: 'kubelet', package: 'k8s.io/kubernetes/cmd/kubelet', took: 'two to six minutes' },
  {
    program: 'kube-controller-manager',
    package: 'k8s.io/kubernetes/cmd/kube-controller-manager',
    took: 'a minute',
  },
  { program: 'kube-scheduler', package: 'k8s.io/kubernetes/cmd/kube-scheduler', took: 'half a minute' },
  { program: 'kube-proxy', package: 'k8s.io/kubernetes/cmd/kube-proxy', took: 'half a minute' },
];

/**
 * The directory with kubelet, kube-controller-manager, kube-scheduler and kube-proxy, from the cache or built into it.
 */
export async function nodePrograms(environment: NodeJS.ProcessEnv, progress: Progress): Promise<string> {
  const { moduleDirectory } = binaryOptions(environment, progress);
  const version = await pinnedKubernetes(moduleDirectory);
  const cache = join(cacheDirectory(environment), 'node');
  const target = join(cache, formatVersion(version));
  await mkdir(cache, { recursive: true });
  const waiting = (): void => progress('another process is building the programs of a node; waiting for it');
  await withLock(join(cache, '.lock'), waiting, async () => {
    if (await isWhole(target)) return;
    const work = await mkdtemp(join(cache, '.work-'));
    const guard = guardDirectory(work, 'temporary');
    try {
      const directory = join(work, 'bin');
      await mkdir(directory);
      const build = { version, moduleDirectory, environment, progress, directory, guardedDirectory: work };
      await buildPrograms(PROGRAMS, build);
      await rm(target, { recursive: true, force: true });
      await rename(directory, target);
    } finally {
      await rm(work, { recursive: true, force: true });
      await guard.dismiss();
    }
  });
  return target;
}

async function isWhole(directory: string): Promise<boolean> {
  const checks = await Promise.all(PROGRAMS.map(({ program }) => isExecutable(join(directory, program))));
  return !checks.includes(false);
}
