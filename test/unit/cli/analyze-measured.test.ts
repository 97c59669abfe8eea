import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { residencyDocument, residentServices } from '../../../src/cli/top/top-residency.decide.ts';
import { runCommand } from '../../support/command-run.ts';
import { service } from './analyze-objects.ts';

const MI = 1024 ** 2;

/** The output of `mms top -o json`. */
function topOf(declaredPeak: number | undefined, measured: number | undefined, name = 'flowers'): string {
  const residency = {
    ...{ resident: 1, budget: undefined, declared: 1, hits: 0, misses: 0, standby: 0, remote: 0 },
    ...{ declaredPeak, measured },
  };
  const services = residentServices([{ namespace: 'default', inferenceService: name, residency }]);
  return JSON.stringify({
    version: 'kserve-mms/top.v1',
    models: [],
    pods: [],
    ...residencyDocument(services),
  });
}

describe('mms analyze --measured', () => {
  let directory: string;
  let files: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-measured-'));
    files = join(directory, 'flowers.yaml');
    await writeFile(files, service());
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function analyzed(figures: string) {
    const path = join(directory, 'top.json');
    await writeFile(path, figures);
    const { code, stdout, stderr } = await runCommand([
      ...['analyze', '-f', files, '-o', 'json', '--measured', path],
    ]);
    return { code, stdout, stderr };
  }

  it.each([
    ['ten times as much', topOf(80 * MI, 800 * MI), /declared 80Mi .* took 800Mi .* 10 times as much$/],
    ['a tenth', topOf(2_000 * MI, 200 * MI), /declared 2000Mi .* took 200Mi .* 10 times as little$/],
    ['some memory, with none declared', topOf(0, 800 * MI), /declared 0 .* took 800Mi for them$/],
  ])('reports models that use %s', async (_, figures, words) => {
    const { code, stdout } = await analyzed(figures);
    const { findings } = JSON.parse(stdout) as {
      findings: { code: string; line: number; message: string }[];
    };
    expect(findings).toMatchObject([{ code: 'MMS311', line: 4, message: expect.stringMatching(words) }]);
    expect(code).toBe(0);
  });

  it.each([
    ['about as much as they declare', topOf(500 * MI, 700 * MI)],
    ['more, which may be used by the server itself', topOf(10 * MI, 70 * MI)],
    ['an unmeasured amount', topOf(80 * MI, undefined)],
    ['an amount unknown to an older agent', topOf(undefined, 800 * MI)],
    ['memory of another InferenceService', topOf(80 * MI, 800 * MI, 'shop')],
    ['an invalid amount', topOf(80 * MI, -1)],
    ['no memory on demand', JSON.stringify({ version: 'kserve-mms/top.v1', models: [], pods: [] })],
  ])('reports nothing when they use %s', async (_, figures) => {
    const { stdout } = await analyzed(figures);
    expect((JSON.parse(stdout) as { findings: unknown[] }).findings).toEqual([]);
  });

  it.each(['', 'no JSON', '[]', 'null', '{"version":"v2"}'])('rejects %j', async (figures) => {
    const { code, stderr } = await analyzed(figures);
    expect(stderr).toContain('is not what mms top -o json prints');
    expect(code).not.toBe(0);
  });
});
