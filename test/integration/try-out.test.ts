import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findKubectl } from '../support/kubectl.ts';
import { linkedCheckout, paste, ROOT, shellOf } from '../support/page.ts';

const run = promisify(execFile);

describe('the commands of the try-out page, pasted unchanged,', () => {
  let home = '';
  let checkout = '';
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'kserve-mms-readme-'));
    checkout = await linkedCheckout();
    const { path, assets } = await findKubectl();
    const { KUBECONFIG: _, ...inherited } = process.env;
    environment = {
      ...inherited,
      PATH: `${dirname(path)}:${inherited['PATH'] ?? ''}`,
      // The test has its own cluster from the existing binaries.
      XDG_CACHE_HOME: home,
      KUBEBUILDER_ASSETS: assets,
    };
  });

  afterAll(async () => {
    // Does nothing when the pasted commands have removed the cluster.
    await run('node', ['bin/mms.js', 'cluster', 'down'], { cwd: ROOT, env: environment });
    await Promise.all([home, checkout].map((directory) => rm(directory, { recursive: true, force: true })));
  });

  it('take a user through a cluster with kubectl', async () => {
    const output = await paste(await shellOf('docs/try-out.md', 'Try it with kubectl'), {
      cwd: checkout,
      env: environment,
    });
    expect(output).toMatch(/^NAME\s+URL\s+READY\s+REASON\s+AGE\niris\s/m);
    const models = ['iris', 'orchid', 'tulip'].map((name) => expect.objectContaining({ modelName: name }));
    expect(JSON.parse(/\[\{.*\}\]/.exec(output)![0])).toEqual(models);
    expect(output).toContain('kserve-container agent');
    expect(output).toContain('trainedmodel.serving.kserve.io "tulip" deleted');
  });

  it('inject a pod without a cluster', async () => {
    const output = await paste(await shellOf('docs/try-out.md', 'Look at a pod without a cluster'), {
      env: environment,
    });
    expect(output).toContain('name: modelconfig-flowers-0');
  });
});
