/**
 * `npm run chart`: writes charts/kserve-mms/Chart.yaml and its templates from `kubectl kustomize manifests/default`, so that the
 * chart has the same objects. values.yaml, its schema and the chart's page are written by hand. A test compares what both render.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { root, runMain, say } from './run.mjs';

const CHART = join(root, 'charts', 'kserve-mms');
const NAMESPACE = 'kserve-mms-system';
const HEAD = '{{- /* Written by `npm run chart` from manifests/default: do not edit. */ -}}\n';
const STANDALONE = '{{- if eq .Values.mode "standalone" }}';

/** What the manager's Deployment leaves to the values, by a mark that stands for it until all is text. */
const MARKS = {
  REPLICAS: '{{ .Values.replicas }}',
  IMAGE: '{{ include "kserve-mms.image" . | quote }}',
  AGENT_IMAGE: '{{ .Values.agentImage | default (include "kserve-mms.image" .) | quote }}',
  RESOURCES: '{{- toYaml .Values.resources | nindent 12 }}',
  ARGS: `- manager
            {{- if eq .Values.mode "standalone" }}
            - --predictors
            {{- else }}
            - --trained-model-status=beside
            {{- end }}
            {{- with .Values.extraArgs }}
            {{- toYaml . | nindent 12 }}
            {{- end }}`,
  PLACEMENT: ['imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity']
    .map(
      (name) =>
        `{{- with .Values.${name} }}\n      ${name}:\n        {{- toYaml . | nindent 8 }}\n      {{- end }}`,
    )
    .join('\n      '),
};

await runMain(() => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const rendered = execFileSync('kubectl', ['kustomize', join(root, 'manifests/default')], {
    maxBuffer: 16 * 1024 * 1024,
    encoding: 'utf8',
  });
  const objects = parseAllDocuments(rendered).map((document) => document.toJS());
  const templates = join(CHART, 'templates');
  rmSync(templates, { recursive: true, force: true });
  mkdirSync(templates, { recursive: true });
  for (const [file, text] of templatesOf(objects)) writeFileSync(join(templates, file), text);
  writeFileSync(join(CHART, 'Chart.yaml'), chartFile(version));
  say(`${objects.length} objects in ${CHART}`);
  return 0;
});

function templatesOf(objects) {
  const isDefinition = ({ kind }) => kind === 'CustomResourceDefinition';
  const isOfPredictors = ({ metadata }) => metadata.name === 'kserve-mms-predictors';
  const isNamespace = ({ kind }) => kind === 'Namespace';
  const isManager = ({ kind }) => kind === 'Deployment';
  const named = [isDefinition, isOfPredictors, isNamespace, isManager];
  const others = objects.filter((object) => !named.some((is) => is(object)));
  const of = (is) => objects.filter(is);
  return [
    ['_helpers.tpl', helpers()],
    ['definitions.yaml', when(STANDALONE, of(isDefinition).map(keptByHelm))],
    ['predictors.yaml', when(STANDALONE, of(isOfPredictors))],
    ['namespace.yaml', when('{{- if .Values.createNamespace }}', of(isNamespace))],
    ['manager.yaml', HEAD + of(isManager).map(managerText).join('')],
    ['installation.yaml', HEAD + textOf(others)],
  ];
}

function when(condition, objects) {
  return `${HEAD}${condition}\n${textOf(objects)}{{- end }}\n`;
}

/** `helm uninstall` would take all InferenceServices and TrainedModels along. */
function keptByHelm({ metadata, ...object }) {
  const annotations = { ...metadata.annotations, 'helm.sh/resource-policy': 'keep' };
  return { ...object, metadata: { ...metadata, annotations } };
}

function textOf(objects) {
  return objects.map((object) => `---\n${inNamespace(escaped(yamlOf(object)))}`).join('');
}

function managerText(deployment) {
  const copy = JSON.parse(JSON.stringify(deployment));
  const { spec } = copy;
  const pod = spec.template.spec;
  const [manager] = pod.containers;
  spec.replicas = '@@REPLICAS@@';
  manager.image = '@@IMAGE@@';
  manager.args = '@@ARGS@@';
  manager.resources = '@@RESOURCES@@';
  manager.env.find(({ name }) => name === 'MMS_AGENT_IMAGE').value = '@@AGENT_IMAGE@@';
  pod.placement = '@@PLACEMENT@@';
  const text = textOf([copy]).replace(/ *placement: "?@@PLACEMENT@@"?/, `      ${MARKS.PLACEMENT}`);
  return text
    .replace(/args: "?@@ARGS@@"?/, `args:\n            ${MARKS.ARGS}`)
    .replace(/ "?@@RESOURCES@@"?/, MARKS.RESOURCES)
    .replace(/"?@@(REPLICAS|IMAGE|AGENT_IMAGE)@@"?/g, (_, mark) => MARKS[mark]);
}

/** Indented by two also in lists, as the marks expect. */
function yamlOf(object) {
  return stringify(object, { lineWidth: 0, indentSeq: true });
}

/** Braces of the definitions' own texts are none of Helm's. */
function escaped(text) {
  return text.replace(/\{\{|\}\}/g, (braces) => `{{ "${braces}" }}`);
}

function inNamespace(text) {
  return text.replaceAll(NAMESPACE, '{{ .Values.namespace }}');
}

function helpers() {
  return `${HEAD}{{- define "kserve-mms.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
`;
}

function chartFile(version) {
  return `# Written by \`npm run chart\`: do not edit.
${stringify({
  apiVersion: 'v2',
  name: 'kserve-mms',
  description: 'Multi-model serving for KServe: many models in one predictor pod',
  type: 'application',
  version,
  appVersion: version,
  kubeVersion: '>=1.30.0-0',
})}`;
}
