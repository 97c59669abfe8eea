import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { residencyDocument, residentServices } from '../../../src/cli/top/top-residency.decide.ts';
import { runCommand } from '../../support/command-run.ts';
import { service } from './analyze-objects.ts';

const MI = 1024 ** 2;

/** As `mms top -o json` prints it. */
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
    ['some, and nothing declared', topOf(0, 800 * MI), /declared 0 .* took 800Mi for them$/],
  ])('tells of models that take %s', async (_, figures, words) => {
    const { code, stdout } = await analyzed(figures);
    const { findings } = JSON.parse(stdout) as {
      findings: { code: string; line: number; message: string }[];
    };
    expect(findings).toMatchObject([{ code: 'MMS311', line: 4, message: expect.stringMatching(words) }]);
    expect(code).toBe(0);
  });

  it.each([
    ['as much as they declare, nearly', topOf(500 * MI, 700 * MI)],
    ['more, which may be what the server takes itself', topOf(10 * MI, 70 * MI)],
    ['what nobody measured', topOf(80 * MI, undefined)],
    ['what an agent of before does not say', topOf(undefined, 800 * MI)],
    ['what is of another InferenceService', topOf(80 * MI, 800 * MI, 'shop')],
    ['no amount', topOf(80 * MI, -1)],
    [
      'nothing, where no models sleep',
      JSON.stringify({ version: 'kserve-mms/top.v1', models: [], pods: [] }),
    ],
  ])('is silent where they take %s', async (_, figures) => {
    const { stdout } = await analyzed(figures);
    expect((JSON.parse(stdout) as { findings: unknown[] }).findings).toEqual([]);
  });

  it.each(['', 'no JSON', '[]', 'null', '{"version":"v2"}'])('refuses %j', async (figures) => {
    const { code, stderr } = await analyzed(figures);
    expect(stderr).toContain('is not what mms top -o json prints');
    expect(code).not.toBe(0);
  });
});
