/** A program that starts a control plane, prints its processes, and waits to be killed. */
import { testControlPlane } from './control-plane.ts';

const { pids, directory } = await testControlPlane();
process.stdout.write(`${JSON.stringify({ pids, directory })}\n`);
setInterval(() => undefined, 1000);
