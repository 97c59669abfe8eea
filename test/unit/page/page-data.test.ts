import { describe, expect, it } from '@jest/globals';
import type { EpochMs, MonotonicMs } from '../../../src/lib/clock.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import type { KubernetesObject } from '../../../src/contract/kubernetes.ts';
import { keyOfTrainedModel } from '../../../src/contract/reconcile-keys.ts';
import type { TrainedModel } from '../../../src/contract/trained-model.ts';
import { LINKS } from '../../../src/explanation/links.decide.ts';
import { createIndex } from '../../../src/kube/object-index.ts';
import { createObjectStore } from '../../../src/kube/object-store.ts';
import { createSums } from '../../../src/kube/object-sums.ts';
import type { ClusterView } from '../../../src/kube/cluster-view.ts';
import { createPageData } from '../../../src/page/page-data.ts';
import type { Surroundings } from '../../../src/page/page-surroundings.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { report } from '../../support/report.ts';

/** The caches of a manager without a cluster, and a fake clock. */
function scene() {
  const trainedModelsByKey = createIndex<TrainedModel>(keyOfTrainedModel);
  const models = createObjectStore<TrainedModel>([trainedModelsByKey]);
  const services = createObjectStore<InferenceService>();
  const rest = createObjectStore<KubernetesObject>();
  const state = { now: 1_000_000, heardAt: 1_000_000, error: undefined as Error | undefined };
  const reflector = (plural: string, { cache }: { readonly cache: unknown }): object => ({
    cache,
    resource: { plural },
    get heardAt() {
      return state.heardAt;
    },
    get lastError() {
      return state.error;
    },
  });
  const view = {
    inferenceServices: reflector('inferenceservices', services),
    trainedModels: reflector('trainedmodels', models),
    pods: reflector('pods', rest),
    modelConfigs: reflector('configmaps', rest),
    ...{ trainedModelsByKey, memoryByKey: createSums(() => undefined) },
    ...{ podsByKey: createIndex(() => undefined), modelConfigsByKey: createIndex(() => undefined) },
  } as unknown as ClusterView;
  const clock = {
    ...systemClock,
    now: () => state.now as EpochMs,
    monotonic: () => state.now as MonotonicMs,
  };
  const synced = (): void => [services, models, rest].forEach((store) => store.replaceAll([]));
  const surroundings = (): Promise<Surroundings> =>
    Promise.resolve({ pods: { kind: 'known', value: [] }, replicas: { total: 0, shown: [] } });
  const data = createPageData({ view, clock, first: 'placed', surroundings });
  return { models, services, state, synced, data };
}

let version = 0;
function model(name: string, owner: string, reason = 'Loaded'): TrainedModel {
  const status = reason === 'Loaded' ? 'True' : 'False';
  return {
    metadata: { name, namespace: 'ns', uid: name, resourceVersion: String(++version) },
    spec: { inferenceService: owner, model: { storageUri: 's3://b/m', framework: 'sklearn', memory: '1Mi' } },
    status: { conditions: [{ type: 'ModelLoaded', status, reason, message: 'x'.repeat(500) }] },
  };
}
const service = (name: string): InferenceService => ({
  metadata: { name, namespace: 'ns', uid: name, resourceVersion: String(++version) },
  spec: { predictor: { sklearn: {} } },
});

const ALL = { filter: '', multiModel: false, from: 0 };

describe('the data of the page', () => {
  it('name the lists that the manager waits for', () => {
    const { data, synced } = scene();
    expect(data.services(ALL)).toMatchObject({
      awaited:
        'waiting for the first list of inferenceservices (still listing); trainedmodels (still listing); pods (still listing); configmaps (still listing)',
      services: [],
    });
    synced();
    expect(data.services(ALL)).toMatchObject({ awaited: '', silent: null, found: 0 });
  });

  it('report when the API server is silent', async () => {
    const { data, synced, state } = scene();
    synced();
    state.now += 179_000;
    expect(data.services(ALL).silent).toBeNull();
    state.error = new Error('connect ECONNREFUSED');
    const silent = { since: new Date(1_000_000).toISOString(), why: 'connect ECONNREFUSED' };
    expect(await data.model({ namespace: 'ns', name: 'x' })).toMatchObject({ silent, model: null });
    state.error = undefined;
    state.now += 1_000;
    expect(data.services(ALL).silent).toMatchObject({ why: 'nothing has come from it' });
  });

  it('include missing InferenceServices that models name, and are searched by names of models', async () => {
    const { data, synced, models, services } = scene();
    synced();
    services.put(service('flowers'));
    models.put(model('Iris', 'flowers'));
    models.put(model('lost', 'nowhere', 'InferenceServiceNotFound'));
    const names = (filter: string): [string, number][] =>
      data.services({ ...ALL, filter }).services.map(({ name, matching }) => [name, matching]);
    expect(names('')).toEqual([
      ['nowhere', 0],
      ['flowers', 0],
    ]);
    expect(names('iris')).toEqual([['flowers', 1]]);
    expect(names('NOW')).toEqual([['nowhere', 0]]);
    expect(names('ns/')).toHaveLength(2);
    const asked = { namespace: 'ns', filter: '', state: undefined, from: 0 };
    expect((await data.service({ ...asked, name: 'nowhere' })).service).toMatchObject({ exists: false });
    expect((await data.service({ ...asked, name: 'neither' })).service).toBeNull();
  });

  it('omit InferenceServices that are not multi-model and without models, if requested', () => {
    const { data, synced, models, services } = scene();
    synced();
    services.put(service('flowers'));
    services.put({ ...service('alone'), spec: { predictor: { sklearn: { storageUri: 's3://b/m' } } } });
    services.put({ ...service('named'), spec: { predictor: { sklearn: { storageUri: 's3://b/m' } } } });
    models.put(model('rose', 'named', 'InferenceServiceNotMMS'));
    models.put(model('lost', 'nowhere', 'InferenceServiceNotFound'));
    const names = data.services({ ...ALL, multiModel: true }).services.map(({ name }) => name);
    expect(names.sort()).toEqual(['flowers', 'named', 'nowhere']);
    expect(data.services(ALL).found).toBe(4);
  });

  it('include the advice of mms explain for a model and an InferenceService', async () => {
    const { data, synced, models, services } = scene();
    synced();
    services.put(service('flowers'));
    models.put(model('rose', 'flowers', 'NoReplicas'));
    models.put(model('lost', 'nowhere', 'InferenceServiceNotFound'));
    const asked = { namespace: 'ns', filter: '', state: undefined, from: 0 };
    const { advice } = await data.service({ ...asked, name: 'flowers' });
    expect(advice).toMatchObject({
      message: 'there is no predictor pod',
      advice: LINKS['pods-exist'].advice,
      command: 'mms explain isvc/flowers -n ns',
    });
    expect((await data.model({ namespace: 'ns', name: 'lost' })).model?.advice).toMatchObject({
      advice: LINKS['inference-service-found'].advice,
      command: 'mms explain tm/lost -n ns',
    });
  });

  it('show a change after half a second at the latest', () => {
    const { data, synced, models, state } = scene();
    synced();
    expect(data.services(ALL).found).toBe(0);
    models.put(model('a', 'flowers'));
    // In the same millisecond, and so possibly after the count.
    expect(data.services(ALL).found).toBe(0);
    state.now += 500;
    expect(data.services(ALL).found).toBe(1);
    models.put(model('b', 'flowers'));
    state.heardAt = state.now;
    state.now += 499;
    expect(data.services(ALL).totals.models.Loaded).toBe(1);
    state.now += 1;
    expect(data.services(ALL).totals.models.Loaded).toBe(2);
  });

  it('stay small with many models', async () => {
    const { data, synced, models, services, state } = scene();
    synced();
    services.put(service('s0'));
    const reasons = ['Failed', 'Loaded', 'Queued', 'MemoryResourceNotAvailable'];
    for (let index = 0; index < 10_000; index += 1)
      models.put(model(`m${index}`, `s${index % 500}`, reasons[index % 4]));
    for (let index = 0; index < 10_000; index += 1)
      models.put(model(`bulk${index}`, 'bulk', reasons[index % 4]));
    state.now += 1000;
    const took = async (work: () => object | Promise<object>): Promise<readonly [number, number]> => {
      const times: number[] = [];
      while (times.length < 9) {
        state.now += 1000;
        state.heardAt = state.now;
        const started = performance.now();
        JSON.stringify(await Promise.resolve(work()));
        times.push(performance.now() - started);
      }
      return [times.sort((a, b) => a - b)[4]!, JSON.stringify(await Promise.resolve(work())).length];
    };
    const asked = { namespace: 'ns', name: 'bulk', filter: '', state: undefined };
    const [first, found, detail] = [
      await took(() => data.services(ALL)),
      await took(() => data.services({ ...ALL, filter: 'm99' })),
      await took(() => data.service({ ...asked, from: 9_900 })),
    ];
    report('the page with 20,000 models of 501 InferenceServices, medians', {
      'list, counted again (ms)': first[0],
      'filtered (ms)': found[0],
      'the last page of 10,000 models (ms)': detail[0],
      'list (KiB)': first[1] / 1024,
      'models (KiB)': detail[1] / 1024,
    });
    expect((await data.service({ ...asked, from: 9_900 })).models).toHaveLength(100);
    expect(await data.service({ ...asked, from: 10_000 })).toMatchObject({ found: 10_000, models: [] });
    expect(Math.max(first[1], detail[1])).toBeLessThan(200 * 1024);
  });
});
