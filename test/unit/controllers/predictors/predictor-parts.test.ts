import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '../../../../src/lib/json.ts';
import { fillPlaceholders } from '../../../../src/controllers/predictors/placeholders.decide.ts';
import { mergeStrategically } from '../../../../src/controllers/predictors/strategic-merge.decide.ts';
import { deepFreeze } from '../../contract/injection-cases.ts';

describe('a placeholder in a runtime', () => {
  const metadata = {
    ...{ name: 'flowers', namespace: 'ns', uid: 'u1' },
    labels: { modelClass: 'm', 'a/b': 'c', quote: '"' },
    annotations: { note: 'n' },
  };
  const fill = (text: string) => fillPlaceholders(deepFreeze({ args: [{ deep: text }] }), metadata);

  it.each([
    ['{{.Name}}', 'flowers'],
    ['{{ .Name }}-{{- .Namespace -}}', 'flowers-ns'],
    ['{{.UID}}', 'u1'],
    ['--class={{.Labels.modelClass}}', '--class=m'],
    ['{{.Labels.quote}}', '"'],
    ['{{.Annotations.note}}', 'n'],
    ['{{index .Labels "a/b"}}', 'c'],
    ['$(NAME) ${x} {single} }} {', '$(NAME) ${x} {single} }} {'],
  ])('%s becomes %s', (text, expected) => {
    expect(fill(text)).toEqual({ container: { args: [{ deep: expected }] }, faults: [] });
  });

  it.each([
    ['{{.Labels.missing}}', 'refers to the label missing'],
    ['{{.Labels.constructor}}', 'refers to the label constructor'],
    ['{{.Annotations.missing}}', 'refers to the annotation missing'],
    ['{{.Labels}}', 'needs the key of the label'],
    ['{{.Name.x}}', 'is not known'],
    ['{{.Spec.x}}', 'is not known'],
    ['{{if .Name}}a{{end}}', '{{if .Name}} is not known'],
    ['{{}}', 'is not known'],
  ])('%s stays, with a fault', (text, message) => {
    const { container, faults } = fill(text);
    expect(container).toEqual({ args: [{ deep: text }] });
    expect(faults.join()).toContain(message);
  });
});

describe('merging a part of a pod over another', () => {
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    ['adds new fields and replaces others', { a: 1, b: 2 }, { b: 3, c: 4 }, { a: 1, b: 3, c: 4 }],
    [
      'merges objects recursively',
      { resources: { limits: { cpu: '1', memory: '1Gi' } } },
      { resources: { limits: { cpu: '2' } } },
      { resources: { limits: { cpu: '2', memory: '1Gi' } } },
    ],
    [
      'replaces lists',
      { command: ['a', 'b'], tolerations: [{ key: 'a' }] },
      { command: ['c'], tolerations: [{ key: 'b' }] },
      { command: ['c'], tolerations: [{ key: 'b' }] },
    ],
    ['treats null as absent, on both sides', { a: null, b: 1 }, { b: null }, { b: 1 }],
    [
      'merges variables by name, replacing each as a whole, with the upper ones first',
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
      },
      {
        env: [
          { name: 'C', value: '3' },
          { name: 'A', valueFrom: { x: 1 } },
        ],
      },
      {
        env: [
          { name: 'C', value: '3' },
          { name: 'A', valueFrom: { x: 1 } },
          { name: 'B', value: '2' },
        ],
      },
    ],
    [
      'merges ports by number',
      { ports: [{ containerPort: 80, name: 'a' }] },
      { ports: [{ containerPort: 80, protocol: 'TCP' }, { containerPort: 81 }] },
      { ports: [{ containerPort: 80, name: 'a', protocol: 'TCP' }, { containerPort: 81 }] },
    ],
    [
      'merges mounts by path',
      { volumeMounts: [{ mountPath: '/a', name: 'x', readOnly: true }] },
      { volumeMounts: [{ mountPath: '/a', name: 'y' }] },
      { volumeMounts: [{ mountPath: '/a', name: 'y', readOnly: true }] },
    ],
    [
      'replaces the whole volume of the same name',
      { volumes: [{ name: 'v', emptyDir: {} }] },
      { volumes: [{ name: 'v', configMap: { name: 'c' } }] },
      { volumes: [{ name: 'v', configMap: { name: 'c' } }] },
    ],
    [
      'keeps only one handler of a probe',
      { readinessProbe: { tcpSocket: { port: 1 }, periodSeconds: 5 } },
      { readinessProbe: { httpGet: { path: '/' } } },
      { readinessProbe: { httpGet: { path: '/' }, periodSeconds: 5 } },
    ],
    [
      'merges a probe with the same handler',
      { readinessProbe: { httpGet: { path: '/a', port: 1 } } },
      { readinessProbe: { httpGet: { path: '/b' } } },
      { readinessProbe: { httpGet: { path: '/b', port: 1 } } },
    ],
    [
      'keeps entries without a key',
      { env: [5, { value: 'x' }] },
      { env: ['y', { name: 'A' }] },
      { env: ['y', { name: 'A' }, 5, { value: 'x' }] },
    ],
    [
      'uses the upper value when the types differ',
      { env: [{ name: 'A' }], a: { b: 1 } },
      { env: 'x', a: [] },
      { env: 'x', a: [] },
    ],
  ])('%s', (_, base, over, expected) => {
    expect(mergeStrategically(deepFreeze(base), deepFreeze(over))).toEqual(expected);
  });
});
