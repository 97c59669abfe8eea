import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { goTool } from './go-tool.ts';

const run = promisify(execFile);

/** Prometheus's own tool. Resolves with what it printed; rejects with all it said when it finds a fault. */
export async function promtool(...args: readonly string[]): Promise<string> {
  const path = await goTool({
    name: 'promtool',
    package: 'github.com/prometheus/prometheus/cmd/promtool',
    // Go's name for Prometheus 3.16.
    version: 'v0.316.0',
    // No discovery of targets: with the clients of all clouds the build takes several times as long.
    tags: 'remove_all_sd',
  });
  try {
    const { stdout, stderr } = await run(path, args, { maxBuffer: 16 * 1024 * 1024 });
    return stdout + stderr;
  } catch (thrown) {
    const { stdout, stderr } = thrown as { stdout: string; stderr: string };
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`, { cause: thrown });
  }
}
