import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { shellBlocks } from '../support/documented.ts';
import { findKubectl } from '../support/kubectl.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** One section's, as a reader would paste them one after the other. */
const shellOf = async (page: string, heading: string): Promise<string> =>
  (await shellBlocks(page, heading)).join('\n');

describe('the commands of the README, pasted as they stand,', () => {
  let home = '';
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'kserve-mms-readme-'));
    const { path, assets } = await findKubectl();
    const { KUBECONFIG: _, ...inherited } = process.env;
    environment = {
      ...inherited,
      PATH: `${dirname(path)}:${inherited['PATH'] ?? ''}`,
      // A cluster of the test's own, from the binaries that are there.
      XDG_CACHE_HOME: home,
      KUBEBUILDER_ASSETS: assets,
    };
  });

  afterAll(async () => {
    // Does nothing when the commands themselves have put everything away.
    await run('node', ['bin/mms.js', 'cluster', 'down'], { cwd: ROOT, env: environment });
    await rm(home, { recursive: true, force: true });
    await rm(join(ROOT, 'manager.log'), { force: true });
  });

  const paste = async (script: string): Promise<string> => {
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: ROOT, env: environment });
    return stdout;
  };

  it('take a user through a cluster with kubectl', async () => {
    const output = await paste(await shellOf('README.md', 'Try it with kubectl'));
    expect(output).toMatch(/^NAME\s+URL\s+READY\s+AGE\niris\s/m);
    const models = ['iris', 'orchid', 'tulip'].map((name) => expect.objectContaining({ modelName: name }));
    expect(JSON.parse(/\[\{.*\}\]/.exec(output)![0])).toEqual(models);
    expect(output).toContain('kserve-container agent');
    expect(output).toContain('trainedmodel.serving.kserve.io "tulip" deleted');
  });

  it('inject a pod without a cluster', async () => {
    const output = await paste(await shellOf('README.md', 'Look at a pod without a cluster'));
    expect(output).toContain('name: modelconfig-flowers-0');
  });
});
