import { binaryOptions } from '../../../src/cli/binary-options.ts';
import { findBinaries } from '../../../src/development/controlplane/binaries.ts';
import type { Progress } from '../../../src/development/controlplane/progress.ts';
import { s3Server } from '../../support/s3.ts';
import type { NodeAssets } from './assets.ts';
import { mlserverImage, ownImage, pauseImage, sklearnserverImage } from './images.ts';
import { nodePrograms } from './node-programs.ts';
import { systemPrograms } from './system-packages.ts';

/** Finds, installs and builds what a node consists of. Builds are kept in the user's cache. */
export async function gatherAssets(
  environment: NodeJS.ProcessEnv,
  progress: Progress,
): Promise<Omit<NodeAssets, 'cgroup'>> {
  const { cniPlugins } = await systemPrograms(environment, progress);
  await s3Server();
  const { kubectl } = await findBinaries(binaryOptions(environment, progress));
  return {
    cniPlugins,
    kubectl,
    nodePrograms: await nodePrograms(environment, progress),
    images: [
      await pauseImage(environment, progress),
      await mlserverImage(environment, progress),
      await sklearnserverImage(environment, progress),
      await ownImage(environment, progress),
    ],
  };
}
