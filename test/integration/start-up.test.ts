import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli/program.ts';
import { ROOT } from '../support/page.ts';
import { quantile } from '../support/quantile.ts';
import { report } from '../support/report.ts';

const run = promisify(execFile);
const RUNS = 10;
/** What a person is promised. */
const PROMISED_MS = 300;
/** What fails the test, on whatever machine it runs. */
const BOUND_MS = 10 * PROMISED_MS;

/** Milliseconds from the start of the process to its end: the median of ten runs. */
async function timeOf(args: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < RUNS; round += 1) {
    const start = performance.now();
    await run(process.execPath, [join(ROOT, 'bin', 'mms.js'), ...args]);
    times.push(performance.now() - start);
  }
  return quantile(times, 0.5);
}

/** Every command and command of a command. */
function pathsOf(command: Command, path: readonly string[] = []): string[][] {
  return [[...path], ...command.commands.flatMap((one) => pathsOf(one, [...path, one.name()]))];
}

describe('the start of mms', () => {
  it('takes no time that a person would notice, for the help of each command', async () => {
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
});
