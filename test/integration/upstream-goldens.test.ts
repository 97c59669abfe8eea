import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { NAMESPACES } from '../../src/kube/resources.ts';
import { KSERVE_VERSION } from '../support/kserve-programs.ts';
import { startManagedCluster } from '../support/managed-cluster.ts';
import type { ManagedCluster } from '../support/managed-cluster.ts';
import { answersTo, comparable, GOLDENS, prepareGoldens, recordPods } from '../support/upstream-goldens.ts';

/**
 * What KServe v0.20.0's webhook made of the same pods. RECORD_KSERVE=1 records it again, which takes KServe's manager
 * and a minute.
 */
const NEWER = new URL('upstream-goldens-0.20.json', import.meta.url);

const recorded = await (async (): Promise<Record<string, unknown>> => {
  const isAsked = process.env['RECORD_KSERVE'] === '1' && KSERVE_VERSION === 'v0.20.0';
  if (isAsked || !existsSync(NEWER)) {
    writeFileSync(NEWER, `${JSON.stringify(await recordPods())}\n`);
  }
  return JSON.parse(readFileSync(NEWER, 'utf8')) as Record<string, unknown>;
})();

const older = Object.fromEntries(GOLDENS.cases.map(({ name, expected }) => [name, comparable(expected)]));

const RELEASES = [
  ['v0.17.0', older],
  ['v0.20.0', recorded],
] as const;

it('the two releases make the same pods, except for the path of the agent’s readiness probe', () => {
  const differing = GOLDENS.cases.filter(
    ({ name }) => JSON.stringify(sorted(older[name])) !== JSON.stringify(sorted(recorded[name])),
  );
  expect(differing.map(({ name }) => name)).toEqual(['http-probe-custom-path', 'transformer-collocated']);
});

describe.each(RELEASES)(
  'a pod through the real API server is the same as from KServe %s',
  (version, expected) => {
    let cluster: ManagedCluster;
    let answers: Record<string, unknown>;

    beforeAll(async () => {
      cluster = await startManagedCluster();
      await cluster.client.create(NAMESPACES, { metadata: { name: 'kserve' } });
      const image = `kserve/storage-initializer:${version}`;
      await prepareGoldens(cluster.client, { storageInitializer: JSON.stringify({ image }) });
      answers = await answersTo(cluster.client);
    });

    afterAll(async () => {
      await cluster.stop();
    });

    it.each(GOLDENS.cases)('$name', ({ name }) => {
      expect(answers[name]).toEqual(expected[name]);
    });
  },
);

/** The order of fields does not matter. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
