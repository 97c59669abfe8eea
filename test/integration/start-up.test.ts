import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { renderKubeconfig } from '../../src/development/controlplane/kubeconfig.ts';
import { freePorts } from '../../src/development/controlplane/ports.ts';
import { createProgram } from '../../src/cli/program.ts';
import { ROOT } from '../support/page.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';

const run = promisify(execFile);
const RUNS = sized({ check: 3, soak: 10 });
/** The promised time. */
const PROMISED_MS = 300;
/** The bound for any machine. */
const BOUND_MS = 10 * PROMISED_MS;

/** Median milliseconds from start to exit of several runs, which must have this exit code. */
async function timeOf(args: readonly string[], exitCode = 0): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < RUNS; round += 1) {
    const start = performance.now();
    const ended = run(process.execPath, [join(ROOT, 'bin', 'mms.js'), ...args]);
    const code = await ended.then(
      () => 0,
      (thrown: unknown) => (thrown as { readonly code?: unknown }).code,
    );
    times.push(performance.now() - start);
    expect(code).toBe(exitCode);
  }
  return quantile(times, 0.5);
}

/** Every command and subcommand. */
function pathsOf(command: Command, path: readonly string[] = []): string[][] {
  return [[...path], ...command.commands.flatMap((one) => pathsOf(one, [...path, one.name()]))];
}

describe('the start of mms', () => {
  it('takes an unnoticeable time for the help of each command', async () => {
    const nowhere = new PassThrough();
    const io = { environment: {}, stdin: nowhere, stdout: nowhere, stderr: nowhere };
    const program = await createProgram({ ...io, interruption: () => AbortSignal.abort() });
    const figures: Record<string, number> = {};
    for (const path of pathsOf(program)) {
      const args = [...path, '--help'];
      figures[args.join(' ')] = await timeOf(args);
    }
    report(`ms until a help is printed (promised: ${PROMISED_MS})`, figures);
    expect(Math.max(...Object.values(figures))).toBeLessThan(BOUND_MS);
  });

  it('takes no longer to report that there is no cluster', async () => {
    const [port = 0] = await freePorts(1);
    const directory = await mkdtemp(join(tmpdir(), 'mms-start-up-'));
    const kubeconfig = join(directory, 'config');
    const access = { name: 'gone', server: `http://127.0.0.1:${port}`, ca: '', token: '' };
    await writeFile(kubeconfig, renderKubeconfig(access));
    const took = await timeOf(['status', '--kubeconfig', kubeconfig], 1);
    await rm(directory, { recursive: true });
    report(`ms until mms status says that nothing answers (promised: ${PROMISED_MS})`, { took });
    expect(took).toBeLessThan(BOUND_MS);
  });
});
