/** A program that starts a control plane, says so, and waits to be killed; run by the tests of what is left then. */
import { testControlPlane } from './control-plane.ts';

const { pids, directory } = await testControlPlane();
process.stdout.write(`${JSON.stringify({ pids, directory })}\n`);
setInterval(() => undefined, 1000);
