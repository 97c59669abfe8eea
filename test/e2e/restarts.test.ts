import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { report } from '../support/report.ts';
import { sized } from '../support/tier.ts';
import { killContainer } from './support/containers.ts';
import { install, MANAGER, rolledOut, SYSTEM_NAMESPACE } from './support/installation.ts';
import { multiModelService, restrictedNamespace } from './support/predictor.ts';
import { createSteadily } from './support/steady-creations.ts';
import type { SteadyCreations } from './support/steady-creations.ts';
import { apply, nodeClient, run } from './support/this-node.ts';

const NAMESPACE = 'mms-restarts';
const SERVICE = 'flowers';
const RESTARTS = sized({ check: 3, soak: 20 });
const SETTLED_MS = 10_000;
const BACK_MS = 60_000;
/** After this many creations, at about ten a second, the webhook works again. */
const ENOUGH = 100;

/** The webhook's failurePolicy is Fail: without a replica that answers, no pod is created. */
describe('pods created during restarts of the manager', () => {
  let client: ApiClient;
  let creations: SteadyCreations;

  beforeAll(async () => {
    await install();
    client = nodeClient();
    await apply(restrictedNamespace(NAMESPACE));
    // It needs no pods of its own: the test creates them, and they stay unscheduled.
    await apply(multiModelService(NAMESPACE, SERVICE, { minReplicas: 0 }));
    creations = createSteadily(client, NAMESPACE, SERVICE);
    await eventuallyTrue('pods are created', () => creations.created >= ENOUGH);
  });

  afterAll(async () => {
    await creations.stop();
    await client.close();
    await run('delete', 'namespace', NAMESPACE, '--timeout=120s');
  });

  /** Counts creations from now on. */
  function fromNowOn() {
    const from = { created: creations.created, failures: creations.failures.length };
    return {
      created: () => creations.created - from.created,
      failures: () => creations.failures.slice(from.failures),
    };
  }

  /** The replicas that are not terminating. After a rollout the former ones still drain for a while. */
  const managers = async (): Promise<string[]> => {
    const selector = 'app.kubernetes.io/name=kserve-mms-manager';
    const listed = await run('-n', SYSTEM_NAMESPACE, 'get', 'pods', '-l', selector, '-o', 'json');
    const { items } = JSON.parse(listed) as { items: readonly KubernetesObject[] };
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name);
  };

  it(`are all created with their agent through ${RESTARTS} rolling restarts`, async () => {
    const since = fromNowOn();
    const started = performance.now();
    for (let restart = 1; restart <= RESTARTS; restart += 1) {
      await run('-n', SYSTEM_NAMESPACE, 'rollout', 'restart', MANAGER);
      await rolledOut(SYSTEM_NAMESPACE, MANAGER);
      process.stderr.write(
        `restart ${restart} of ${RESTARTS}: ${since.created()} pods, ${since.failures().length} failed\n`,
      );
    }
    const seconds = (performance.now() - started) / 1000;
    report(`${RESTARTS} rolling restarts`, {
      seconds,
      created: since.created(),
      failed: since.failures().length,
    });
    expect(since.failures()).toEqual([]);
  }, 900_000);

  it('are created again within 10 s after a replica is killed', async () => {
    await rolledOut(SYSTEM_NAMESPACE, MANAGER);
    const [replica = ''] = await managers();
    const since = fromNowOn();
    const killedAt = performance.now();
    await killContainer(SYSTEM_NAMESPACE, replica);
    await eventuallyTrue('10 s have gone by', () => performance.now() > killedAt + SETTLED_MS);
    const settled = fromNowOn();
    await eventuallyTrue('pods are created', () => settled.created() >= ENOUGH);
    const after = since.failures().map(({ failedAt }) => failedAt - killedAt);
    report('a replica killed', { failed: after.length, lastFailureMs: Math.max(0, ...after) });
    expect(since.failures().filter(({ askedAt }) => askedAt > killedAt + SETTLED_MS)).toEqual([]);
  });

  it('are created again within 60 s after all replicas are deleted at once', async () => {
    await rolledOut(SYSTEM_NAMESPACE, MANAGER);
    const deleted = await managers();
    const gone = fromNowOn();
    const deletedAt = performance.now();
    await run('-n', SYSTEM_NAMESPACE, 'delete', 'pod', ...deleted, '--force', '--grace-period=0');
    await rolledOut(SYSTEM_NAMESPACE, MANAGER);
    expect((await managers()).filter((name) => deleted.includes(name))).toEqual([]);
    const back = fromNowOn();
    await eventuallyTrue('pods are created', () => back.created() >= ENOUGH, BACK_MS + 60_000);
    const after = gone.failures().map(({ failedAt }) => failedAt - deletedAt);
    report('all replicas deleted', { failed: after.length, lastFailureMs: Math.max(0, ...after) });
    expect(gone.failures().filter(({ askedAt }) => askedAt > deletedAt + BACK_MS)).toEqual([]);
  });
});
