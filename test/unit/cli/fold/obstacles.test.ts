import { describe, expect, it } from '@jest/globals';
import type { FoldFacts } from '../../../../src/cli/fold/candidate.decide.ts';
import { readServingRuntime } from '../../../../src/contract/serving-runtime.ts';
import { facts, MI, outcome, reportOf, single } from './fold-scene.ts';
import type { ServiceChanges } from './fold-scene.ts';
import { bytes } from '../../../../src/lib/quantity.ts';

const model = (fields: Readonly<Record<string, unknown>>): ServiceChanges => ({ model: fields });
const predictor = (fields: Readonly<Record<string, unknown>>): ServiceChanges => ({ predictor: fields });
const annotated = (key: string, value: string): ServiceChanges => ({
  metadata: { annotations: { [key]: value } },
});

interface Case {
  readonly what: string;
  readonly code: string;
  readonly changes: ServiceChanges;
  readonly words?: RegExp;
  readonly more?: Partial<FoldFacts>;
}

function nested(levels: number): unknown {
  return levels === 0 ? 1 : [nested(levels - 1)];
}

const CASES: readonly Case[] = [
  { what: 'is nested too deeply', code: 'NestedTooDeep', changes: predictor({ affinity: nested(2000) }) },
  { what: 'has no format', code: 'NoPredictor', changes: model({ modelFormat: {} }) },
  {
    what: 'is being deleted',
    code: 'BeingDeleted',
    changes: { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
  },
  { what: 'has no storage', code: 'AlreadyMultiModel', changes: model({ storageUri: undefined }) },
  {
    what: 'is for ModelMesh',
    code: 'ModelMesh',
    changes: annotated('serving.kserve.io/deploymentMode', 'ModelMesh'),
  },
  { what: 'has no predictor', code: 'NoPredictor', changes: { spec: { predictor: {} } } },
  { what: 'has an invalid predictor', code: 'NoPredictor', changes: { spec: { predictor: 'x' } } },
  {
    what: 'has its own containers',
    code: 'CustomPredictor',
    changes: predictor({ containers: [{ name: 'kserve-container' }] }),
  },
  { what: 'has a transformer', code: 'Transformer', changes: { spec: { transformer: { containers: [] } } } },
  { what: 'has an explainer', code: 'Explainer', changes: { spec: { explainer: { art: {} } } } },
  { what: 'has a canary', code: 'Canary', changes: predictor({ canaryTrafficPercent: 10 }) },
  { what: 'has a canary without traffic', code: 'Canary', changes: predictor({ canaryTrafficPercent: 0 }) },
  { what: 'is multi-node', code: 'SeveralNodes', changes: predictor({ workerSpec: {} }) },
  {
    what: 'has init containers',
    code: 'InitContainers',
    changes: predictor({ initContainers: [{ name: 'x' }] }),
  },
  { what: 'is stopped', code: 'Stopped', changes: annotated('serving.kserve.io/stop', 'true') },
  {
    what: 'has the huggingface format',
    code: 'SingleModelFormat',
    changes: model({ modelFormat: { name: 'huggingface' } }),
  },
  {
    what: 'has several storage URIs',
    code: 'SeveralStorageUris',
    changes: predictor({ storageUris: [{ uri: 's3://a/b' }] }),
  },
  {
    what: 'has a storage spec',
    code: 'StorageSpec',
    changes: model({ storageUri: undefined, storage: { key: 'x' } }),
  },
  {
    what: 'has both storage and storageUri',
    code: 'StorageSpec',
    changes: model({ storage: { path: 'x' } }),
  },
  { what: 'has a storageUri that is not a string', code: 'NoStorageUri', changes: model({ storageUri: 7 }) },
  {
    what: 'has its model on a volume',
    code: 'MountedStorage',
    changes: model({ storageUri: 'pvc://claim/rose' }),
  },
  {
    what: 'has its model in a file',
    code: 'MountedStorage',
    changes: model({ storageUri: 'FILE:///mnt/rose' }),
  },
  { what: 'has an unknown scheme', code: 'StorageUri', changes: model({ storageUri: 'hdfs://a/b' }) },
  {
    what: 'has a password in its URI',
    code: 'SecretInStorageUri',
    changes: model({ storageUri: 'https://u:hunter2@h/m' }),
  },
  {
    what: 'has a signed URI',
    code: 'SecretInStorageUri',
    changes: model({ storageUri: 'https://h/m?X-Amz-Signature=hunter2' }),
  },
  { what: 'has a dot in its name', code: 'ModelName', changes: { metadata: { name: 'r.ose' } } },
  {
    what: 'sets its model name by a flag',
    code: 'ModelName',
    changes: model({ args: ['--model_name=tulip'] }),
  },
  {
    what: 'sets its model name by a flag with a separate value',
    code: 'ModelName',
    changes: model({ args: ['--model-name', 'tulip'] }),
  },
  {
    what: 'sets its model name by a variable',
    code: 'ModelName',
    changes: model({ env: [{ name: 'MLSERVER_MODEL_NAME', value: 'x' }] }),
  },
  { what: 'uses gRPC', code: 'Grpc', changes: model({ protocolVersion: 'grpc-v2' }) },
  {
    what: 'has a format without a runtime',
    code: 'NoRuntime',
    changes: model({ modelFormat: { name: 'fortran' } }),
  },
  {
    what: 'names a missing runtime',
    ...{ code: 'NoRuntime', words: /there is no ServingRuntime/, changes: model({ runtime: 'gone' }) },
    more: { allRuntimes: true },
  },
  {
    what: 'is served by TorchServe',
    code: 'ServerCannotLoad',
    changes: model({ modelFormat: { name: 'pytorch' } }),
  },
  {
    what: 'is served by pmmlserver',
    code: 'ServerCannotLoad',
    changes: model({ modelFormat: { name: 'pmml' }, protocolVersion: 'v1' }),
  },
  {
    what: 'uses an unknown runtime',
    code: 'ServerUnknown',
    changes: model({ runtime: 'own' }),
    words: /--loads-models own/,
  },
  {
    what: 'has a TrainedModel with its name',
    ...{ code: 'TrainedModelThere', words: /for InferenceService other/, changes: {} },
    more: { trainedModels: new Map([['flowers', new Map([['rose', 'other']])]]) },
  },
  {
    what: 'is too large to share',
    code: 'TooLarge',
    changes: model({ resources: { requests: { memory: '17Gi' } } }),
  },
  {
    what: 'differs from all others',
    code: 'Alone',
    changes: predictor({ serviceAccountName: 'x' }),
    words: /service account/,
  },
  {
    what: 'is alone in its namespace',
    code: 'Alone',
    changes: { metadata: { namespace: 'x' } },
    words: /no other/,
  },
];

describe('an InferenceService that cannot share pods', () => {
  it.each(CASES)('$what: $code', ({ changes, code, words, more = {} }) => {
    const rose = single('rose', changes);
    // Two more without the change, so that only the change keeps it alone.
    const report = reportOf(facts([rose, single('oak'), single('elm')], more));
    const its = report.alone.find(({ name }) => name === rose.metadata.name);
    expect(its?.obstacle.code).toBe(code);
    if (words !== undefined) expect(its?.obstacle.message).toMatch(words);
    expect(JSON.stringify(report.alone)).not.toContain('hunter2');
    if (more.allRuntimes !== true) expect(outcome(report).groups).toEqual([['elm', 'oak']]);
  });

  it('trusts the user that a server can load models', () => {
    const services = ['a', 'b'].map((name) => single(name, model({ runtime: 'own' })));
    const report = reportOf(facts(services), {}, { trusted: new Set(['own']) });
    expect(outcome(report)).toEqual({ groups: [['a', 'b']], alone: {} });
  });

  it('recognizes a server by its image when the name of its runtime is unknown', () => {
    const runtime = (image: string) => ({
      ...readServingRuntime('ClusterServingRuntime', {
        metadata: { name: 'ours' },
        spec: {
          supportedModelFormats: [{ name: 'sklearn', autoSelect: true }],
          containers: [{ name: 'kserve-container', image, resources: { requests: { memory: '300Mi' } } }],
        },
      }),
      namespace: undefined,
    });
    const services = ['a', 'b'].map((name) => single(name, model({ resources: undefined })));
    const with_ = (image: string) =>
      reportOf(facts(services, { runtimes: [runtime(image)], allRuntimes: true }));
    expect(outcome(with_('registry/seldonio/mlserver:1.7.1')).groups).toEqual([['a', 'b']]);
    expect(outcome(with_('registry/own:1')).alone).toEqual({ a: 'ServerUnknown', b: 'ServerUnknown' });
    // The runtime's own request is used when the InferenceService has none.
    expect(Number(with_('registry/seldonio/mlserver:1.7.1').before.memory) / MI).toBe(600);
  });

  it('uses the assumed memory to decide whether it is too large', () => {
    const large = ['a', 'b'].map((name) =>
      single(name, model({ resources: { requests: { memory: '17Gi' } } })),
    );
    expect(outcome(reportOf(facts(large), { modelMemory: bytes(20 * MI) })).groups).toEqual([['a', 'b']]);
  });
});

/** Changes that keep two apart, and changes that do not. */
const APART: readonly (readonly [string, ServiceChanges])[] = [
  ['namespace', { metadata: { namespace: 'trees' } }],
  ['deployment mode', annotated('serving.kserve.io/deploymentMode', 'Knative')],
  ['format', model({ modelFormat: { name: 'xgboost' } })],
  ['format', model({ modelFormat: { name: 'sklearn', version: '1' } })],
  ['protocol', model({ protocolVersion: 'v1' })],
  ['runtime', model({ runtime: 'my-mlserver' })],
  ['service account', predictor({ serviceAccountName: 'gardener' })],
  ['node selector', predictor({ nodeSelector: { disk: 'ssd' } })],
  ['tolerations', predictor({ tolerations: [{ key: 'gpu' }] })],
  ['affinity', predictor({ affinity: { nodeAffinity: {}, podAffinity: { x: 1 } } })],
  ['GPU', model({ resources: { limits: { cpu: '1', memory: '600Mi', 'nvidia.com/gpu': 1 } } })],
  ['image', model({ image: 'own:1' })],
  ['image', model({ runtimeVersion: '1.2' })],
  ['environment', model({ env: [{ name: 'A', value: 'b' }] })],
  ['arguments', model({ args: ['--fast'] })],
  ['container', model({ securityContext: { runAsUser: 7 } })],
  ['pod', predictor({ priorityClassName: 'high' })],
  ['logger', predictor({ logger: { mode: 'all' } })],
  ['batcher', predictor({ batcher: { maxBatchSize: 4 } })],
  ['annotations', annotated('sidecar.istio.io/inject', 'true')],
  ['annotations', { metadata: { labels: { 'networking.kserve.io/visibility': 'cluster-local' } } }],
];

const TOGETHER: readonly (readonly [string, ServiceChanges])[] = [
  ['another model', model({ storageUri: 'gs://elsewhere/model' })],
  ['another size', model({ resources: { requests: { cpu: '3', memory: '2Gi' } } })],
  ['other replicas', predictor({ minReplicas: 4, maxReplicas: 9, scaleTarget: 3 })],
  ['unrelated labels', { metadata: { labels: { owner: 'x' }, annotations: { note: 'y' } } }],
  ['an explicit default', predictor({ serviceAccountName: 'default', tolerations: [], nodeSelector: {} })],
  ['the old style', { spec: { predictor: { sklearn: { protocolVersion: 'v2', storageUri: 's3://a/b' } } } }],
];

describe('InferenceServices share pods', () => {
  it.each(APART)('but not with another %s', (_facet, changes) => {
    const services = [single('rose', changes), single('oak'), single('elm')];
    const { groups } = outcome(reportOf(facts(services), {}, { trusted: new Set(['my-mlserver']) }));
    expect(groups).toEqual([['elm', 'oak']]);
  });

  it.each(TOGETHER)('with %s', (_what, changes) => {
    expect(outcome(reportOf(facts([single('rose', changes), single('oak')]))).groups).toEqual([
      ['oak', 'rose'],
    ]);
  });

  it("with KServe's earlier name of a deployment mode", () => {
    const mode = (name: string) => annotated('serving.kserve.io/deploymentMode', name);
    const services = [single('a', mode('RawDeployment')), single('b', mode('Standard'))];
    expect(outcome(reportOf(facts(services))).groups).toEqual([['a', 'b']]);
  });

  it('so that each is in exactly one of the two lists', () => {
    const services = [...APART, ...TOGETHER].flatMap(([, changes], index) => [
      single(`a${index}`, changes),
      single(`b${index}`, changes),
    ]);
    const { groups, alone } = outcome(reportOf(facts(services)));
    expect([...groups.flat(), ...Object.keys(alone)].sort()).toEqual(
      services.map(({ metadata }) => metadata.name).sort(),
    );
  });
});
