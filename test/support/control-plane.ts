import { binaryOptions } from '../../src/cli/binary-options.ts';
import { findBinaries } from '../../src/development/controlplane/binaries.ts';
import { startControlPlane } from '../../src/development/controlplane/control-plane.ts';
import type { ControlPlane, ControlPlaneOptions } from '../../src/development/controlplane/control-plane.ts';

/**
 * A real etcd and kube-apiserver for one test file, in a temporary directory. Start it in beforeAll and stop() it in
 * afterAll. Without binaries the test fails; it is never skipped.
 */
export async function testControlPlane(
  options: Omit<ControlPlaneOptions, 'binaries'> = {},
): Promise<ControlPlane> {
  const binaries = await findBinaries(
    binaryOptions(process.env, (line) => {
      process.stderr.write(`${line}\n`);
    }),
  );
  return startControlPlane({ ...options, binaries });
}
