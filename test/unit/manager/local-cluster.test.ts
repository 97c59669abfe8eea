import { describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readFile } from 'node:fs/promises';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { ApiError } from '../../../src/kube/api-error.ts';
import { prepareLocalCluster } from '../../../src/manager/local-cluster.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { ROOT } from '../../support/page.ts';

const CRDS = join(ROOT, 'manifests', 'crds');
const SERVED = { status: { conditions: [{ type: 'Established', status: 'True' }] } };

describe('the cluster of a local manager', () => {
  it('has CRDs named after their files', async () => {
    const files = (await readdir(CRDS)).filter((file) => file !== 'kustomization.yaml');
    for (const file of files) {
      const { metadata } = parse(await readFile(join(CRDS, file), 'utf8')) as { metadata: { name: string } };
      expect(metadata.name).toBe(`${file.replace('.yaml', '')}.serving.kserve.io`);
    }
    expect(files).toHaveLength(4);
  });

  it.each([
    ['the missing CRDs', new Set<string>()],
    [
      'only what is missing',
      new Set(['trainedmodels.serving.kserve.io', 'servingruntimes.serving.kserve.io']),
    ],
  ])('creates %s', async (_, there) => {
    const created: string[] = [];
    const served = new Set(there);
    const asked = new Set<string>();
    /** The API server too reports no conditions at first. */
    const statusOf = (name: string) =>
      there.has(name) || asked.size === asked.add(name).size ? SERVED : { status: { conditions: null } };
    const client = {
      get: (_resource: unknown, { name }: { name: string }) =>
        served.has(name)
          ? Promise.resolve({ metadata: { name }, ...statusOf(name) })
          : Promise.reject(new ApiError('none', { code: 'API_NOT_FOUND' })),
      create: (_resource: unknown, made: { metadata: { name: string } }) => {
        created.push(made.metadata.name);
        served.add(made.metadata.name);
        return Promise.resolve(made);
      },
    } as unknown as ApiClient;
    await prepareLocalCluster(client, 'kserve-mms', { clock: systemClock, logger: quietLogger });
    const all = ['clusterservingruntimes', 'inferenceservices', 'servingruntimes', 'trainedmodels'];
    const names = all.map((name) => `${name}.serving.kserve.io`).filter((name) => !there.has(name));
    expect(created.sort()).toEqual([...names, 'kserve-mms'].sort());
  });
});
