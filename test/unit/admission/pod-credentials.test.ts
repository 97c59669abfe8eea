import { describe, expect, it } from '@jest/globals';
import { seconds } from '../../../src/lib/clock.ts';
import type { ObjectKey, Secret, ServiceAccount } from '../../../src/contract/kubernetes.ts';
import { createPodCredentials, NO_CREDENTIALS } from '../../../src/admission/pod-credentials.ts';
import type { WantedCredentials } from '../../../src/admission/pod-credentials.ts';
import { credentialsFor, storageAccount } from '../../../src/contract/credential-lookup.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';
import { fakeClock, settle } from '../../support/clocks.ts';

const ANNOTATION = 'serving.kserve.io/storageSecretName';

function scene(names: readonly string[] = []) {
  const clock = fakeClock();
  const reads: string[] = [];
  const account: ServiceAccount = {
    metadata: { name: 'sa', namespace: 'ns' },
    secrets: names.map((name) => ({ name })),
  };
  const credentials = createPodCredentials({
    serviceAccounts: { get: (key: ObjectKey) => (key === 'ns/sa' ? account : undefined) } as never,
    readServiceAccount: () => Promise.resolve(undefined),
    readSecret: (key) => {
      reads.push(key);
      const data = { 'https-host': btoa('models.example'), headers: btoa('canary') };
      const secret: Secret = { metadata: { name: key.split('/')[1] ?? '' }, data };
      return Promise.resolve(key.includes('gone') ? undefined : secret);
    },
    ttl: seconds(5),
    clock,
  });
  const of = (wanted: Partial<WantedCredentials> = {}) =>
    credentials.of({ namespace: 'ns', serviceAccountName: 'sa', named: undefined, ...wanted });
  return { clock, reads, of };
}
const named = (name: string) => ({ annotation: ANNOTATION, name });

it('reads each Secret once for a rollout of many pods, also those with https headers', async () => {
  const { clock, reads, of } = scene(['web', 'other', 'web']);
  for (let pod = 0; pod < 100; pod += 1) await of();
  expect(reads).toEqual(['ns/web', 'ns/other']);
  await clock.advance(5001);
  await of();
  expect(reads).toHaveLength(4);
});

it('reads a Secret that the pod names once, instead of those of its account', async () => {
  const { reads, of } = scene(['web']);
  for (let pod = 0; pod < 100; pod += 1) await of({ named: named('mine') });
  expect(reads).toEqual(['ns/mine']);
});

it.each(['', '../secrets/x', 'a/b', 'UPPER', 'x'.repeat(254), 'a b', '.'])(
  'rejects an invalid Secret name without reading it: %j',
  async (name) => {
    const { reads, of } = scene(['web']);
    const { refusal } = credentialsFor(await of({ named: named(name) }), DEFAULT_SYSTEM_CONFIG.credentials);
    expect(refusal).toContain(ANNOTATION);
    expect(reads).toEqual([]);
  },
);

it('keeps no value of a Secret', async () => {
  const { of } = scene(['web', 'gone']);
  const found = await of();
  expect(found).toMatchObject({
    missing: ['gone'],
    secrets: [{ name: 'web', https: { host: 'models.example' } }],
  });
  expect(JSON.stringify(found)).not.toContain('canary');
});

it('a manager that may not read Secrets warns a pod that names one', async () => {
  const lookup = await NO_CREDENTIALS.of({ namespace: 'ns', serviceAccountName: 'sa', named: named('mine') });
  const { parts, warnings, refusal } = credentialsFor(lookup, DEFAULT_SYSTEM_CONFIG.credentials);
  expect({ parts, refusal }).toEqual({ parts: [], refusal: undefined });
  expect(warnings).toEqual([expect.stringContaining('--no-inject-credentials')]);
});

describe('a service account that lists thousands of Secrets', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => `s${index}`);

  it('has only its first 64 read, and its pods get a warning', async () => {
    const { reads, of } = scene(many);
    const found = await of();
    expect(reads).toEqual(many.slice(0, 64).map((name) => `ns/${name}`));
    const { warnings } = credentialsFor(found, DEFAULT_SYSTEM_CONFIG.credentials);
    expect(warnings.at(-1)).toContain('service account sa lists more than 64 Secrets');
  });

  it('is cached with no more of them, and without invalid names', () => {
    const annotations = { notes: 'x'.repeat(100_000), 'eks.amazonaws.com/role-arn': 'x'.repeat(100_000) };
    const account: ServiceAccount = {
      metadata: { name: 'sa', namespace: 'ns', annotations },
      secrets: [{ name: 'x'.repeat(500_000) }, {}, ...many.map((name) => ({ name, extra: 'x' }))],
    };
    const kept = storageAccount(account);
    expect(kept.secrets).toEqual(many.slice(0, 65).map((name) => ({ name })));
    expect(JSON.stringify(kept).length).toBeLessThan(2_000);
  });

  it('waits for its turn: few are read at once for a namespace, and other namespaces do not wait', async () => {
    const open: (() => void)[] = [];
    const running = new Map<string, number>();
    const accounts = new Map(
      Array.from({ length: 40 }, (_, index) => {
        const metadata = { name: `sa${index}`, namespace: 'ns' };
        return [`ns/sa${index}`, { metadata, secrets: many.map((name) => ({ name: `${name}-${index}` })) }];
      }),
    );
    accounts.set('other/sa', { metadata: { name: 'sa', namespace: 'other' }, secrets: [{ name: 'mine' }] });
    const credentials = createPodCredentials({
      serviceAccounts: { get: (key: ObjectKey) => accounts.get(key) } as never,
      readServiceAccount: () => Promise.resolve(undefined),
      readSecret: async (key) => {
        const [namespace = ''] = key.split('/');
        running.set(namespace, (running.get(namespace) ?? 0) + 1);
        if (namespace === 'ns') await new Promise<void>((resolve) => open.push(resolve));
        running.set(namespace, (running.get(namespace) ?? 0) - 1);
        return { metadata: { name: key.split('/')[1] ?? '' }, data: {} };
      },
      ttl: seconds(5),
      clock: fakeClock(),
    });
    const of = (namespace: string, serviceAccountName: string) =>
      credentials.of({ namespace, serviceAccountName, named: undefined });
    const waiting = Array.from({ length: 40 }, (_, index) => of('ns', `sa${index}`));
    await settle();
    expect(running.get('ns')).toBe(4);
    expect((await of('other', 'sa')).secrets).toHaveLength(1);
    while (open.length > 0) {
      expect(open.length).toBeLessThanOrEqual(4);
      for (const go of open.splice(0)) go();
      await settle();
    }
    expect((await Promise.all(waiting)).every(({ secrets }) => secrets.length === 64)).toBe(true);
  });

  it('has a Secret read once for many concurrent pods', async () => {
    const { reads, of } = scene(['web']);
    await Promise.all(Array.from({ length: 50 }, () => of()));
    expect(reads).toEqual(['ns/web']);
  });
});
