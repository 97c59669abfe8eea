import { describe, expect, it } from '@jest/globals';
import { packageVersion } from '../../../src/cli/version.ts';
import { runningImages } from '../../../src/cli/installed-versions.decide.ts';
import type { KubernetesObject } from '../../../src/contract/kubernetes.ts';
import { runCommand } from '../../support/command-run.ts';

const pod = (name: string, containers: unknown, status: object = {}): KubernetesObject =>
  ({ metadata: { name, namespace: 'a' }, spec: { containers }, status }) as KubernetesObject;
const READY = { conditions: [{ type: 'Ready', status: 'True' }] };
const agent = (image: unknown) => [
  { name: 'kserve-container', image: 'mlserver' },
  { name: 'agent', image },
];

describe('the running images', () => {
  it('are counted by pod, without completed pods', () => {
    const pods = [
      pod('a', agent('agent:2'), READY),
      pod('b', agent('agent:1'), READY),
      pod('c', agent('agent:1')),
      pod('d', agent('agent:1'), { phase: 'Succeeded' }),
      pod('e', [{ name: 'kserve-container', image: 'mlserver' }]),
      ...[agent(7), 'junk', undefined, [7]].map((containers, index) => pod(`junk-${index}`, containers)),
    ];
    expect(runningImages(pods, 'agent')).toEqual([
      { image: 'agent:1', pods: 2, ready: 1 },
      { image: 'agent:2', pods: 1, ready: 1 },
    ]);
    expect(runningImages([pod('m', [{ name: 'manager', image: 'mms:1' }])])).toEqual([
      { image: 'mms:1', pods: 1, ready: 0 },
    ]);
  });
});

describe('mms version', () => {
  it('prints its own version without a cluster', async () => {
    const { code, stdout } = await runCommand(['version', '--client', '-o', 'json']);
    expect({ code, document: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      document: {
        version: 'kserve-mms/version.v1',
        client: { version: packageVersion(), node: process.version, platform: expect.stringContaining('/') },
      },
    });
  });

  it.each(['table', 'json'])(
    'as %s prints its own version before it fails without a cluster',
    async (format) => {
      const { code, stdout, stderr } = await runCommand([
        'version',
        '-o',
        format,
        '--kubeconfig',
        '/nowhere/config',
      ]);
      expect(code).toBe(1);
      expect(stdout).toContain(packageVersion());
      expect(stderr).toContain('cannot use the kubeconfig /nowhere/config');
    },
  );
});
