import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FINDING_KINDS } from '../../../src/cli/analyze/catalogue.decide.ts';
import { runCommand } from '../../support/command-run.ts';
import { ROOT } from '../../support/page.ts';
import { report } from '../../support/report.ts';
import { CASES } from './analyze-cases.ts';
import { model, service } from './analyze-objects.ts';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kserve-mms-analyze-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function written(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const below = join(directory, name);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(below, path)), { recursive: true });
    await writeFile(join(below, path), text);
  }
  return below;
}

interface Finding {
  readonly code: string;
  readonly severity: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

async function findings(path: string): Promise<Finding[]> {
  const { stdout } = await runCommand(['analyze', '-f', path, '-o', 'json']);
  return (JSON.parse(stdout) as { findings: Finding[] }).findings;
}

describe('mms analyze', () => {
  it.each(CASES.map((one, index) => ({ ...one, index })))('finds $what', async ({ files, found, index }) => {
    const path = await written(`case-${index}`, files);
    const reported = await findings(path);
    const short = reported.map(
      ({ code, file, line, column }) => `${code} ${file.slice(path.length + 1)}:${line}:${column}`,
    );
    expect(short).toEqual(
      found.map(([code, place]) => (place === '' ? expect.stringContaining(code) : `${code} ${place}`)),
    );
    for (const [position, [, , words]] of found.entries()) expect(reported[position]?.message).toMatch(words);
    expect(JSON.stringify(reported)).not.toContain('hunter2');
  });

  it('finds nothing in the manifests of this project', async () => {
    const reported = await findings(join(ROOT, 'manifests'));
    expect(reported.filter(({ severity }) => severity !== 'info')).toEqual([]);
  });

  it('has a case for every code', () => {
    const seen = new Set(CASES.flatMap(({ found }) => found.map(([code]) => code)));
    // MMS101 is tested below, and MMS311 in analyze-measured.
    expect([...seen, 'MMS101', 'MMS311'].sort()).toEqual(Object.keys(FINDING_KINDS).sort());
  });

  it('reports unreadable files, and reads the others', async () => {
    const path = await written('unreadable', { 'a.yaml': service() });
    await symlink('nowhere', join(path, 'b.yaml'));
    await symlink(path, join(path, 'loop.yaml'));
    const reported = await findings(path);
    expect(reported).toMatchObject([
      { code: 'MMS101', file: join(path, 'b.yaml'), message: expect.stringContaining('ENOENT') },
      { code: 'MMS101', file: join(path, 'loop.yaml'), message: expect.stringContaining('EISDIR') },
    ]);
    expect(await findings(join(path, 'missing'))).toMatchObject([{ code: 'MMS101' }]);
  });

  it.each([
    [[], { 'a.yaml': service() }, 0],
    [['--fail-on', 'warning'], { 'a.yaml': model('a') }, 1],
    [[], { 'a.yaml': model('a') }, 0],
    [[], { 'a.yaml': model('a', { memory: '0' }) }, 1],
    [['--fail-on', 'never'], { 'a.yaml': model('a', { memory: '0' }) }, 0],
    [['--fail-on', 'info'], { 'a.yaml': 'a: 1\n' }, 1],
    [[], { 'a.txt': '' }, 1],
  ])('with %j for %j exits with code %d', async (flags, files, code) => {
    const path = await mkdtemp(join(directory, 'exit-'));
    for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
    expect((await runCommand(['analyze', '-f', path, ...flags])).code).toBe(code);
  });

  it('requires a file', async () => {
    expect(await runCommand(['analyze'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--filename'),
    });
  });

  it('reads stdin, and prints positions in the format of editors', async () => {
    const input = model('a', { memory: '0' });
    const { stdout, stderr, code } = await runCommand(['analyze', '-f', '-'], { input });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^stdin:10:5: error MMS203: TrainedModel a: .*\n {4}Write a quantity/m);
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toBe('mms: 1 error, 1 warning, 0 notes in 1 file with 1 object\n');
  });

  it('prints annotations for a GitHub workflow', async () => {
    const { stdout } = await runCommand(['analyze', '-f', '-', '-o', 'github'], {
      input: model('a', { memory: '0' }),
    });
    expect(stdout).toMatch(/^::error file=stdin,line=10,col=5,title=MMS203::/m);
    expect(stdout).toMatch(/^::warning file=stdin,line=6,col=3,title=MMS211::/m);
  });

  it('handles thousands of models quickly', async () => {
    const models = Array.from({ length: 10_000 }, (_none, index) =>
      model(`m${index}`, { memory: '0', service: index % 2 === 0 ? 'flower' : 'flowers' }),
    );
    const path = await written('many', { 'a.yaml': service(), 'b.yaml': models.join('---\n') });
    const start = performance.now();
    const { stderr } = await runCommand(['analyze', '-f', path]);
    const took = performance.now() - start;
    report('analyzing 10,000 TrainedModels with 15,000 findings, ms', { took });
    expect(stderr).toBe('mms: 10000 errors, 5000 warnings, 0 notes in 2 files with 10001 objects\n');
    expect(took).toBeLessThan(30_000);
  });
});
