import { describe, expect, it } from '@jest/globals';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import type { ConfigMap, ObjectMeta, OwnerReference } from '../../../src/contract/kubernetes.ts';
import { configMapChange, isDisposable, ownerNameOf } from '../../../src/contract/model-config-map.ts';
import type { ModelConfigEntry } from '../../../src/contract/model-config.ts';

const isvc: InferenceService = {
  metadata: { name: 'sk', namespace: 'ns', uid: 'uid-2', labels: { team: 'a', constructor: 'x' } },
};
const entry = (modelName: string, memory = '1Gi'): ModelConfigEntry => ({
  modelName,
  modelSpec: { storageUri: `s3://b/${modelName}?a=1&b=2`, framework: 'sklearn', memory },
});
const shard = { configMapName: 'modelconfig-sk-0', models: [entry('b'), entry('a')] };
const text =
  '[{"modelName":"a","modelSpec":{"storageUri":"s3://b/a?a=1&b=2","framework":"sklearn","memory":"1Gi"}},' +
  '{"modelName":"b","modelSpec":{"storageUri":"s3://b/b?a=1&b=2","framework":"sklearn","memory":"1Gi"}}]';

const owner: OwnerReference = {
  apiVersion: 'serving.kserve.io/v1beta1',
  kind: 'InferenceService',
  name: 'sk',
  uid: 'uid-2',
  controller: true,
  blockOwnerDeletion: true,
};
const labels = { team: 'a', constructor: 'x', 'kserve-mms/model-config': 'true' };

/** A ConfigMap as this project writes it. Each case changes what it tests. */
const existing = ({
  metadata,
  ...rest
}: { metadata?: Partial<ObjectMeta> } & Omit<Partial<ConfigMap>, 'metadata'> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'modelconfig-sk-0',
    namespace: 'ns',
    uid: 'cm',
    resourceVersion: '7',
    labels,
    ownerReferences: [owner],
    ...metadata,
  },
  data: { 'models.json': text },
  ...rest,
});

/** The change. It must not modify its input. */
function changeOf(configMap: ConfigMap | undefined) {
  const before = JSON.stringify(configMap);
  const change = configMapChange(isvc, shard, configMap);
  expect(JSON.stringify(configMap)).toBe(before);
  return change;
}

function replaced(configMap: ConfigMap) {
  const change = changeOf(configMap);
  if (change.kind !== 'replace') throw new Error(`${change.kind}, not replace`);
  // One replacement is enough.
  expect(configMapChange(isvc, shard, change.configMap)).toEqual({ kind: 'none' });
  return change;
}

describe('a ConfigMap that is missing', () => {
  it('is created with models, labels and owner', () => {
    const change = changeOf(undefined);
    expect(change).toEqual({
      kind: 'create',
      configMap: {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'modelconfig-sk-0', namespace: 'ns', labels, ownerReferences: [owner] },
        data: { 'models.json': text },
      },
    });
  });

  it('is created with [] when there are no models', () => {
    const change = configMapChange(isvc, { ...shard, models: [] }, undefined);
    expect(change).toMatchObject({ kind: 'create', configMap: { data: { 'models.json': '[]' } } });
  });
});

describe('an equivalent ConfigMap is left alone', () => {
  it.each([
    { name: 'byte for byte', models: text },
    { name: 'another order', models: JSON.stringify((JSON.parse(text) as unknown[]).reverse()) },
    { name: 'indented', models: JSON.stringify(JSON.parse(text), null, 2) },
    { name: 'memory in another unit', models: text.replaceAll('1Gi', '1024Mi') },
    { name: "Go's escapes", models: text.replaceAll('&', '\\u0026') },
    { name: 'fields of a later version', models: text.replaceAll('{"modelName"', '{"later":1,"modelName"') },
  ])('$name', ({ models }) => {
    expect(changeOf(existing({ data: { 'models.json': models } }))).toEqual({ kind: 'none' });
  });

  it.each([
    { name: 'more labels', change: { metadata: { labels: { ...labels, other: 'y' } } } },
    { name: 'annotations', change: { metadata: { annotations: { note: 'z' } } } },
    { name: 'other keys', change: { data: { 'models.json': text, other: '{}' }, binaryData: { b: 'AA==' } } },
    {
      name: 'a second owner',
      change: {
        metadata: { ownerReferences: [{ ...owner, name: 'x', uid: 'x', controller: false }, owner] },
      },
    },
    {
      name: 'an owner of another served version',
      change: { metadata: { ownerReferences: [{ ...owner, apiVersion: 'serving.kserve.io/v1' }] } },
    },
  ])('ignores other content: $name', ({ change }) => {
    expect(changeOf(existing(change))).toEqual({ kind: 'none' });
  });
});

describe('a ConfigMap that differs is repaired', () => {
  it.each([
    { name: 'no models', data: { 'models.json': '[]' }, because: 'models, 0 before and 2 now' },
    {
      name: 'a model too many',
      data: { 'models.json': text.replace('[', `[${JSON.stringify(entry('c'))},`) },
      because: 'models, 3 before and 2 now',
    },
    {
      name: 'another model',
      data: { 'models.json': text.replace('"b"', '"c"') },
      because: 'models, 2 before and 2 now',
    },
    { name: 'the key is missing', data: { other: '1' }, because: 'models.json was missing' },
    { name: 'no data at all', data: undefined, because: 'models.json was missing' },
    { name: 'empty text', data: { 'models.json': '' }, because: 'damaged: is empty' },
    { name: 'no JSON', data: { 'models.json': 'oops' }, because: 'damaged: is not JSON' },
    { name: 'truncated', data: { 'models.json': text.slice(0, -1) }, because: 'damaged: is not JSON' },
    {
      name: 'a duplicate model',
      data: { 'models.json': text.replace('[', `[${JSON.stringify(entry('a'))},`) },
      because: 'damaged: a is listed twice',
    },
  ])('$name', ({ data, because }) => {
    const configMap = existing();
    const change = replaced({ ...configMap, ...(data === undefined ? { data: {} } : { data }) });
    expect(change.because).toEqual([expect.stringContaining(because)]);
    expect(change.configMap.data?.['models.json']).toBe(text);
  });

  it.each<{ name: string; metadata: Partial<ObjectMeta>; because: string[] }>([
    {
      name: 'a label is missing',
      metadata: { labels: { 'kserve-mms/model-config': 'true' } },
      because: ['labels'],
    },
    { name: 'a label differs', metadata: { labels: { ...labels, team: 'b' } }, because: ['labels'] },
    {
      name: 'our own label is missing, as on a ConfigMap of KServe',
      metadata: { labels: { team: 'a', constructor: 'x' } },
      because: ['labels'],
    },
    { name: 'no owner', metadata: { ownerReferences: [] }, because: ['owner reference'] },
    {
      name: 'an owner that is not the controller',
      metadata: { ownerReferences: [{ ...owner, controller: false }] },
      because: ['owner reference'],
    },
    {
      name: 'the InferenceService was recreated',
      metadata: { ownerReferences: [{ ...owner, uid: 'uid-1' }] },
      because: ['owner reference'],
    },
    {
      name: 'the old owner beside the new one',
      metadata: { ownerReferences: [{ ...owner, uid: 'uid-1', controller: false }, owner] },
      because: ['owner reference'],
    },
    { name: 'both', metadata: { labels: {}, ownerReferences: [] }, because: ['labels', 'owner reference'] },
  ])('$name', ({ metadata, because }) => {
    const change = replaced(existing({ metadata }));
    expect(change.because).toEqual(because);
    expect(change.configMap.metadata.labels).toEqual(labels);
    expect(change.configMap.metadata.ownerReferences).toEqual([owner]);
  });

  it('keeps the text when it is equivalent', () => {
    const indented = JSON.stringify(JSON.parse(text), null, 2);
    const change = replaced(existing({ metadata: { labels: {} }, data: { 'models.json': indented } }));
    expect(change.configMap.data).toEqual({ 'models.json': indented });
  });

  it('keeps the fields of others and the resourceVersion', () => {
    const foreign = { ...owner, kind: 'Thing', name: 'x', uid: 'x', controller: false };
    const change = replaced({
      metadata: {
        name: 'modelconfig-sk-0',
        namespace: 'ns',
        resourceVersion: '9',
        labels: { other: 'y', team: 'old' },
        annotations: { note: 'z' },
        finalizers: ['f/f'],
        ownerReferences: [foreign],
      },
      data: { 'models.json': '[]', other: '{}' },
      binaryData: { b: 'AA==' },
    });
    expect(change.configMap).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'modelconfig-sk-0',
        namespace: 'ns',
        resourceVersion: '9',
        labels: { ...labels, other: 'y' },
        annotations: { note: 'z' },
        finalizers: ['f/f'],
        ownerReferences: [foreign, owner],
      },
      data: { 'models.json': text, other: '{}' },
      binaryData: { b: 'AA==' },
    });
  });

  it('moves models.json out of binaryData, because Kubernetes rejects a key in both', () => {
    const change = replaced(existing({ data: {}, binaryData: { 'models.json': 'W10=', b: 'AA==' } }));
    expect(change.configMap).toMatchObject({ data: { 'models.json': text } });
    expect(change.configMap.binaryData).toEqual({ b: 'AA==' });
  });
});

describe('a ConfigMap of another owner is left alone and reported', () => {
  it.each([
    {
      name: 'another InferenceService',
      controller: { ...owner, name: 'other' },
      reported: 'InferenceService other',
    },
    {
      name: 'another kind',
      controller: { ...owner, kind: 'Deployment', apiVersion: 'apps/v1' },
      reported: 'Deployment sk',
    },
    {
      name: 'a kind without a group',
      controller: { ...owner, kind: 'Pod', apiVersion: 'v1' },
      reported: 'Pod sk',
    },
    {
      name: 'another group',
      controller: { ...owner, apiVersion: 'example.com/v1beta1' },
      reported: 'InferenceService sk',
    },
  ])('$name', ({ controller, reported }) => {
    expect(changeOf(existing({ metadata: { ownerReferences: [controller] }, data: {} }))).toEqual({
      kind: 'conflict',
      message: expect.stringMatching(
        new RegExp(`modelconfig-sk-0 belongs to ${reported}; delete or rename it`),
      ),
    });
  });

  it('an immutable one', () => {
    expect(changeOf(existing({ immutable: true, data: {} }))).toEqual({
      kind: 'conflict',
      message: expect.stringMatching(/modelconfig-sk-0 is immutable; delete it/),
    });
  });
});

describe('whether a ConfigMap may be deleted', () => {
  it.each([
    { name: 'ours', configMap: existing(), disposable: true },
    {
      name: 'of an InferenceService that was recreated',
      configMap: existing({ metadata: { ownerReferences: [{ ...owner, uid: 'uid-1' }] } }),
      disposable: true,
    },
    {
      name: "without our label: KServe's",
      configMap: existing({ metadata: { labels: {} } }),
      disposable: false,
    },
    {
      name: 'our label with another value',
      configMap: existing({ metadata: { labels: { 'kserve-mms/model-config': 'no' } } }),
      disposable: false,
    },
    {
      name: 'without an owner',
      configMap: existing({ metadata: { ownerReferences: [] } }),
      disposable: false,
    },
    {
      name: 'owned, not controlled',
      configMap: existing({ metadata: { ownerReferences: [{ ...owner, controller: false }] } }),
      disposable: false,
    },
    {
      name: 'of another InferenceService',
      configMap: existing({ metadata: { ownerReferences: [{ ...owner, name: 'x' }] } }),
      disposable: false,
    },
    {
      name: 'of another group',
      configMap: existing({ metadata: { ownerReferences: [{ ...owner, apiVersion: 'example.com/v1' }] } }),
      disposable: false,
    },
    { name: 'without labels or owners', configMap: { metadata: { name: 'x' } }, disposable: false },
  ])('$name: $disposable', ({ configMap, disposable }) => {
    expect(isDisposable(configMap, 'sk')).toBe(disposable);
  });
});

describe('the owner of a ConfigMap', () => {
  it.each([
    {
      name: 'the controller',
      references: [{ ...owner, name: 'x', uid: 'x', controller: false }, owner],
      found: 'sk',
    },
    {
      name: 'an owner that is not the controller',
      references: [{ ...owner, controller: false }],
      found: undefined,
    },
    { name: 'an owner of another kind', references: [{ ...owner, kind: 'Deployment' }], found: undefined },
    {
      name: 'an owner of another group',
      references: [{ ...owner, apiVersion: 'example.com/v1' }],
      found: undefined,
    },
    { name: 'no owner', references: [], found: undefined },
  ])('$name: $found', ({ references, found }) => {
    expect(ownerNameOf(existing({ metadata: { ownerReferences: references } }))).toBe(found);
  });
});
