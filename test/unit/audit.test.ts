import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { writeProgram } from '../support/envtest-mirror.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
let clone: string;

beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), 'audit-test-'));
  await cp(join(REPOSITORY, 'scripts'), join(clone, 'scripts'), { recursive: true });
});
afterEach(() => rm(clone, { recursive: true }));

/** Runs the script with an npm that prints this answer. */
async function audit(
  answer: object,
  allowed: readonly object[] = [],
): Promise<{ code: number | null; said: string }> {
  await writeFile(join(clone, 'answer.json'), JSON.stringify(answer));
  await writeFile(join(clone, 'scripts', 'audit-allowed.json'), JSON.stringify(allowed));
  await writeProgram(join(clone, 'bin'), 'npm', `cat '${join(clone, 'answer.json')}'; exit 1`);
  const { status, stderr } = spawnSync(process.execPath, [join(clone, 'scripts', 'audit.mjs')], {
    encoding: 'utf8',
    env: { PATH: `${join(clone, 'bin')}${delimiter}${process.env['PATH'] ?? ''}` },
  });
  return { code: status, said: stderr };
}

const advisory = (id: string): object => ({
  ...{ severity: 'high', title: 'a fault', url: `https://github.com/advisories/${id}` },
});
const report = (...ids: string[]): object => ({
  vulnerabilities: {
    inner: { name: 'inner', via: ids.map(advisory) },
    outer: { name: 'outer', via: ['inner'] },
  },
  metadata: { dependencies: { prod: 12 } },
});
const stays = (until: string): object => ({ id: 'GHSA-a', until, reason: 'not reachable' });

describe('npm run audit', () => {
  it('passes without findings, and prints what was checked', async () => {
    const { code, said } = await audit(report());
    expect([code, said]).toEqual([0, expect.stringContaining('12 packages')]);
  });

  it('fails on a finding, with its package and advisory', async () => {
    const { code, said } = await audit(report('GHSA-a'));
    expect([code, said]).toEqual([1, expect.stringContaining('high: inner: a fault (GHSA-a)')]);
  });

  it.each([
    ['until its last day', [stays('2999-12-31')], 0],
    ['not after that day', [stays('2020-01-01')], 1],
    ['not without a reason', [{ id: 'GHSA-a', until: '2999-12-31' }], 1],
    ['not another finding', [{ ...stays('2999-12-31'), id: 'GHSA-b' }], 1],
  ])('accepts an allowed finding: %s', async (_how, allowed, expected) => {
    expect((await audit(report('GHSA-a'), allowed)).code).toBe(expected);
  });

  it('says that nothing was audited when the registry does not support audits', async () => {
    const { code, said } = await audit({ message: '405 Method Not Allowed', statusCode: 405 });
    expect(code).toBe(0);
    expect(said).toContain('not audited');
    expect(said).toContain('405 Method Not Allowed');
  });
});
