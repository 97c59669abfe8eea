import { model, onDemand, POD, service, withPayload } from './analyze-objects.ts';

interface Case {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  /** Each finding: code, position, and words of its message. */
  readonly found: readonly (readonly [string, string, RegExp])[];
}

export const CASES: readonly Case[] = [
  { what: 'nothing without problems', files: { 'a.yaml': `${service()}---\n${model('iris')}` }, found: [] },
  {
    what: 'invalid YAML, and continues after it',
    files: { 'a.yaml': 'a: [1\n', 'b.yaml': model('iris', { memory: '0' }), 'c.yaml': service() },
    found: [
      ['MMS102', 'a.yaml:2:1', /./],
      ['MMS203', 'b.yaml:10:5', /above zero/],
    ],
  },
  {
    what: 'a duplicate key, also in JSON',
    files: { 'a.json': '{"apiVersion": "v1",\n "kind": "Pod",\n "kind": "Pod"}' },
    found: [['MMS102', 'a.json:3:2', /unique/]],
  },
  {
    what: 'an explosion of aliases',
    files: {
      'a.yaml': `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    },
    found: [['MMS102', 'a.yaml:1:1', /alias/]],
  },
  {
    what: 'Helm templates and kustomize patches',
    files: {
      'chart/templates/a.yaml': model('"{{ .Values.name }}"'),
      'overlay/kustomization.yaml': 'resources: [../base]\npatches:\n  - path: patch.yaml\n',
      'overlay/patch.yaml':
        'apiVersion: serving.kserve.io/v1alpha1\nkind: TrainedModel\nmetadata: { name: iris }\n',
    },
    found: [
      ['MMS103', 'chart/templates/a.yaml:4:1', /Helm/],
      ['MMS103', 'overlay/patch.yaml:1:1', /patch of .*kustomization.yaml/],
    ],
  },
  {
    what: 'nothing in a Prometheus alert, although it has braces',
    files: {
      'alerts.yaml':
        'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: { name: a }\n' +
        'spec: { groups: [{ name: g, rules: [{ annotations: { summary: "{{ $labels.pod }}: {{ $value }}" } }] }] }\n',
    },
    found: [],
  },
  {
    what: 'a file of values',
    files: { 'values.yaml': 'replicas: 2\n' },
    found: [['MMS104', 'values.yaml:1:1', /apiVersion/]],
  },
  {
    what: 'an object without a name, in a list',
    files: {
      'a.yaml': `apiVersion: v1\nkind: List\nitems:\n  - apiVersion: serving.kserve.io/v1alpha1\n    kind: TrainedModel\n    metadata: {}\n`,
    },
    found: [['MMS105', 'a.yaml:6:5', /metadata.name/]],
  },
  {
    what: 'misspelled fields',
    files: {
      'a.yaml': model('iris', {}, '    storageURI: s3://b/c\n    extra: 1\n'),
      'b.yaml': service(
        'flowers',
        'model: { modelFormat: { name: sklearn }, storageURI: "s3://b/c", resources: { limits: { memory: 2Gi } } }',
      ),
    },
    found: [
      ['MMS106', 'a.yaml:11:5', /spec.model.storageURI; did you mean storageUri/],
      ['MMS106', 'a.yaml:12:5', /spec.model.extra$/],
      ['MMS106', 'b.yaml:7:46', /storageURI; did you mean storageUri/],
    ],
  },
  {
    what: 'a duplicate object, except in another namespace',
    files: {
      'a.yaml': `${service()}---\n${model('iris')}---\n${model('iris')}`,
      'b.yaml': model('iris', { namespace: 'other' }),
    },
    found: [['MMS107', 'a.yaml:23:3', /TrainedModel iris is in these files twice/]],
  },
  {
    what: 'faults in both of two objects with one name',
    files: {
      'a.yaml': `${service()}---\n${model('iris', { uri: 'ftp://x/y' })}---\n${model('iris', { memory: '-1' })}`,
    },
    found: [
      ['MMS202', 'a.yaml:16:5', /s3:\/\//],
      ['MMS107', 'a.yaml:23:3', /TrainedModel iris is in these files twice/],
      ['MMS203', 'a.yaml:29:5', /-1/],
    ],
  },
  {
    what: 'effects of the last of two objects with one name on others',
    files: {
      'a.yaml': `${service()}---\n${service('flowers', 'sklearn: { storageUri: s3://models/one }')}---\n${model('iris')}`,
    },
    found: [
      ['MMS107', 'a.yaml:12:3', /InferenceService flowers is in these files twice/],
      ['MMS304', 'a.yaml:14:3', /storageUri/],
      ['MMS212', 'a.yaml:22:3', /flowers/],
    ],
  },
  {
    what: 'names, URIs, memory, frameworks and InferenceServices that the webhook would reject',
    files: {
      'a.yaml': `${service()}---\n${model('my.iris', { uri: 'ftp://x/y', memory: '-1', framework: '""', service: '""' })}`,
    },
    found: [
      ['MMS201', 'a.yaml:12:3', /my\.iris/],
      ['MMS205', 'a.yaml:14:3', /must be a name/],
      ['MMS202', 'a.yaml:16:5', /s3:\/\//],
      ['MMS204', 'a.yaml:17:5', /framework/],
      ['MMS203', 'a.yaml:18:5', /-1/],
    ],
  },
  {
    what: 'secrets in a URI, without printing them',
    files: {
      'a.yaml': `${service()}---\n${model('a', { uri: 'https://user:hunter2@host/m' })}---\n${model('b', { uri: 'https://host/m?X-Amz-Signature=hunter2' })}`,
    },
    found: [
      ['MMS206', 'a.yaml:16:5', /password/],
      ['MMS207', 'a.yaml:27:5', /X-Amz-Signature/],
    ],
  },
  {
    what: 'a missing InferenceService, with the most similar name',
    files: {
      'a.yaml': `${service()}---\n${model('a', { service: 'flower' })}`,
      'b.yaml': `${service('trees').replace('name: trees', 'name: trees\n  namespace: n1')}---\n${model('b', { service: 'trees', namespace: 'n2' })}`,
    },
    found: [
      ['MMS211', 'a.yaml:14:3', /no InferenceService flower in these files; did you mean flowers/],
      ['MMS211', 'b.yaml:16:3', /namespace n1, and a TrainedModel must be in the same/],
    ],
  },
  {
    what: 'an InferenceService that is not multi-model',
    files: {
      'a.yaml': `${service('flowers', 'model: { modelFormat: { name: sklearn }, storageUri: "s3://b/m" }')}---\n${model('a')}`,
    },
    found: [
      ['MMS304', 'a.yaml:6:3', /storageUri is set/],
      ['MMS212', 'a.yaml:14:3', /not multi-model/],
    ],
  },
  {
    what: 'models that do not fit, with the numbers',
    files: {
      'a.yaml': `${service()}---\n${model('a', { memory: '1536Mi' })}---\n${model('b', { memory: '1Gi' })}`,
    },
    found: [
      ['MMS306', 'a.yaml:7:69', /2 models declare 2560Mi together, .* is 2Gi/],
      ['MMS213', 'a.yaml:29:5', /needs 1Gi, but 512Mi .* 2Gi were free/],
    ],
  },
  {
    what: 'on-demand models that are too large alone, while their sum does not matter',
    files: {
      'a.yaml': [
        onDemand(service()),
        model('a', { memory: '1536Mi' }),
        model('b', { memory: '1Gi' }),
        model('large', { memory: '1900Mi' }),
      ].join('---\n'),
    },
    found: [['MMS213', 'a.yaml:42:5', /needs 1900Mi alone, .* is 1792Mi/]],
  },
  {
    what: 'residency annotations without effect',
    files: {
      'a.yaml': onDemand(service(), ['residency: sometimes', 'memory-budget: plenty']),
      'b.yaml': onDemand(model('iris'), ['residency: on-demand']),
    },
    found: [
      ['MMS307', 'a.yaml:6:5', /"sometimes"; it must be "always" or "on-demand"/],
      ['MMS307', 'a.yaml:7:5', /"plenty"; it must be a quantity/],
      ['MMS216', 'b.yaml:6:5', /on a TrainedModel it must be "always"/],
    ],
  },
  {
    what: 'a logger and a batcher that are invalid or have no effect',
    files: {
      'a.yaml': withPayload('a', ['logger: { mode: some }', 'batcher: { maxBatchSize: 0, maxLatency: 2.5 }']),
      'b.yaml': withPayload('b', ['logger: { mode: all, url: http://sink.example }', 'batcher: {}'], 'v2'),
      'c.yaml': withPayload('c', ['logger: { mode: all, url: http://sink.example }', 'batcher: {}']),
    },
    found: [
      ['MMS309', 'a.yaml:7:5', /names no url/],
      ['MMS308', 'a.yaml:7:15', /logger\.mode must be all, request or response/],
      ['MMS308', 'a.yaml:8:16', /batcher\.maxBatchSize must be a whole number/],
      ['MMS308', 'a.yaml:8:33', /batcher\.maxLatency must be a whole number/],
      ['MMS310', 'b.yaml:8:5', /speaks v2/],
    ],
  },
  {
    what: 'more models than a ConfigMap holds',
    files: {
      'a.yaml': service(),
      'b.yaml': Array.from({ length: 300 }, (_none, index) =>
        model(`m${index}`, { uri: `s3://b/${'x'.repeat(3500)}`, memory: '1Mi' }),
      ).join('---\n'),
    },
    found: Array.from({ length: 13 }, () => ['MMS214', '', /is full/] as const),
  },
  {
    what: 'a framework that neither the predictor nor its runtime supports',
    files: {
      'a.yaml': `${service()}---\n${model('a', { framework: 'xgboost' })}`,
      'b.yaml': `${service('trees', 'model: { modelFormat: { name: sklearn }, runtime: r, protocolVersion: v2, resources: { limits: { memory: 2Gi } } }')}---\n${model('b', { framework: 'xgboost', service: 'trees' })}`,
      'c.yaml': `apiVersion: serving.kserve.io/v1alpha1\nkind: ClusterServingRuntime\nmetadata: { name: r }\nspec:\n  protocolVersions: [v2]\n  supportedModelFormats: [{ name: sklearn }, { name: xgboost }]\n  containers: [{ name: kserve-container, args: ["--name={{.Name}}"] }]\n`,
    },
    found: [['MMS215', 'a.yaml:17:5', /framework is "xgboost"/]],
  },
  {
    what: 'missing and invalid limits, and invalid predictors',
    files: {
      'a.yaml': service('a', 'model: { modelFormat: { name: sklearn } }'),
      'b.yaml': service(
        'b',
        'model: { modelFormat: { name: sklearn }, resources: { limits: { memory: lots } } }',
      ),
      'c.yaml': service('c', 'minReplicas: 1'),
      'd.yaml': service(
        'd',
        'containers: [{ name: kserve-container, env: [{ name: MULTI_MODEL_SERVER, value: "true" }] }]',
      ),
    },
    found: [
      ['MMS301', 'a.yaml:7:5', /model.resources.limits.memory is not set/],
      ['MMS302', 'b.yaml:7:69', /"lots"/],
      ['MMS303', 'c.yaml:6:3', /neither containers nor a model format/],
      ['MMS301', 'd.yaml:7:18', /containers.0.resources.limits.memory is not set/],
    ],
  },
  {
    what: 'a runtime that does not serve the format',
    files: {
      'a.yaml': service(
        'a',
        'model: { modelFormat: { name: sklearn }, runtime: r, resources: { limits: { memory: 2Gi } } }',
      ),
      'b.yaml': `apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nmetadata: { name: r }\nspec:\n  supportedModelFormats: [{ name: onnx }]\n`,
    },
    found: [['MMS305', 'a.yaml:7:46', /does not serve the format sklearn/]],
  },
  {
    what: 'pods that the webhook would reject or warn about',
    files: {
      'a.yaml': service(),
      'b.yaml': POD,
      'c.yaml': `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec:\n  template:\n    metadata:\n      labels: { serving.kserve.io/inferenceservice: flowers, component: predictor }\n    spec:\n      containers: [{ name: server }]\n`,
    },
    found: [
      ['MMS401', 'b.yaml:6:1', /agent/],
      ['MMS402', 'c.yaml:8:5', /no container "kserve-container"/],
    ],
  },
  {
    what: 'ConfigMaps',
    files: {
      'a.yaml': service(),
      'b.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: inferenceservice-config }\ndata:\n  agent: "{"\n',
      'c.yaml':
        'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: modelconfig-flowers-0 }\ndata:\n  models.json: "["\n',
    },
    found: [
      ['MMS403', 'b.yaml:5:3', /agent is not JSON/],
      ['MMS404', 'c.yaml:5:3', /overwritten; besides, models.json/],
    ],
  },
  {
    what: 'nothing in objects of other kinds',
    files: {
      'a.yaml': 'apiVersion: other.io/v1\nkind: TrainedModel\nspec: 7\n---\napiVersion: v1\nkind: Service\n',
    },
    found: [],
  },
  {
    what: 'junk instead of objects, without a crash',
    files: {
      'a.yaml':
        'apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: { name: a, labels: 7, annotations: x }\nspec: text\n',
      'b.yaml':
        'apiVersion: serving.kserve.io/v1alpha1\nkind: TrainedModel\nmetadata: { name: __proto__, labels: [] }\nspec: [1]\n',
      'c.yaml':
        'apiVersion: serving.kserve.io/v1alpha1\nkind: ServingRuntime\nmetadata: { name: constructor }\nspec: 1\n',
    },
    found: [
      ['MMS303', 'a.yaml:4:1', /predictor is missing/],
      ['MMS202', 'b.yaml:4:1', /missing/],
      ['MMS203', 'b.yaml:4:1', /missing/],
      ['MMS204', 'b.yaml:4:1', /missing/],
      ['MMS205', 'b.yaml:4:1', /missing/],
    ],
  },
];
