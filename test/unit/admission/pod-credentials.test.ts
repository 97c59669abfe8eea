import { expect, it } from '@jest/globals';
import { seconds } from '../../../src/lib/clock.ts';
import type { ObjectKey, Secret, ServiceAccount } from '../../../src/contract/kubernetes.ts';
import { createPodCredentials, NO_CREDENTIALS } from '../../../src/admission/pod-credentials.ts';
import type { WantedCredentials } from '../../../src/admission/pod-credentials.ts';
import { credentialsFor } from '../../../src/contract/credential-lookup.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';
import { fakeClock } from '../../support/clocks.ts';

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

it('a rollout of many pods reads each Secret once, those with https headers too', async () => {
  const { clock, reads, of } = scene(['web', 'other', 'web']);
  for (let pod = 0; pod < 100; pod += 1) await of();
  expect(reads).toEqual(['ns/web', 'ns/other']);
  await clock.advance(5001);
  await of();
  expect(reads).toHaveLength(4);
});

it('a Secret that the pod names is read once, in place of those of its account', async () => {
  const { reads, of } = scene(['web']);
  for (let pod = 0; pod < 100; pod += 1) await of({ named: named('mine') });
  expect(reads).toEqual(['ns/mine']);
});

it.each(['', '../secrets/x', 'a/b', 'UPPER', 'x'.repeat(254), 'a b', '.'])(
  'what cannot be the name of a Secret is refused and not asked for: %j',
  async (name) => {
    const { reads, of } = scene(['web']);
    const { refusal } = credentialsFor(await of({ named: named(name) }), DEFAULT_SYSTEM_CONFIG.credentials);
    expect(refusal).toContain(ANNOTATION);
    expect(reads).toEqual([]);
  },
);

it('keeps no value', async () => {
  const { of } = scene(['web', 'gone']);
  const found = await of();
  expect(found).toMatchObject({
    missing: ['gone'],
    secrets: [{ name: 'web', https: { host: 'models.example' } }],
  });
  expect(JSON.stringify(found)).not.toContain('canary');
});

it('a manager that may read no Secrets says so to a pod that names one', async () => {
  const lookup = await NO_CREDENTIALS.of({ namespace: 'ns', serviceAccountName: 'sa', named: named('mine') });
  const { parts, warnings, refusal } = credentialsFor(lookup, DEFAULT_SYSTEM_CONFIG.credentials);
  expect({ parts, refusal }).toEqual({ parts: [], refusal: undefined });
  expect(warnings).toEqual([expect.stringContaining('--no-inject-credentials')]);
});
