import { describe, expect, it } from '@jest/globals';
import { isPod } from '../../../src/contract/pod.ts';

const container = (change: object = {}) => ({ name: 'c', ...change });
const pod = (spec: object = {}, metadata: object = {}) => ({
  metadata,
  spec: { containers: [container()], ...spec },
});
const holding = (change: object) => pod({ containers: [container(change)] });

describe('the fields of a pod that a decision needs', () => {
  it.each([
    { name: 'the minimum', value: pod() },
    {
      name: 'null for every optional field',
      value: pod({ initContainers: null, volumes: null }, { labels: null, annotations: null }),
    },
    {
      name: 'null for every optional field of a container',
      value: holding({
        args: null,
        env: null,
        ports: null,
        volumeMounts: null,
        ...{ readinessProbe: null, lifecycle: null },
        securityContext: null,
      }),
    },
    {
      name: 'everything',
      value: pod(
        {
          containers: [
            container({
              args: ['a'],
              env: [{ name: 'A', value: '1' }],
              ports: [{ containerPort: 1 }],
              volumeMounts: [{ name: 'v', mountPath: '/v' }],
              ...{ readinessProbe: {}, lifecycle: {} },
              securityContext: {},
            }),
          ],
          initContainers: [container()],
          volumes: [{ name: 'v', emptyDir: {} }],
        },
        { name: 'p', labels: { a: 'b' }, annotations: { a: 'b' } },
      ),
    },
    { name: 'empty lists', value: pod({ initContainers: [], volumes: [] }) },
    { name: 'unknown fields', value: { ...pod({ later: 1 }), later: [] } },
    {
      name: '__proto__ as a label',
      value: JSON.parse(
        '{"metadata":{"labels":{"__proto__":"a"}},"spec":{"containers":[{"name":"c"}]}}',
      ) as unknown,
    },
  ])('$name', ({ value }) => {
    expect(isPod(value)).toBe(true);
  });
});

describe('junk', () => {
  const junk = [undefined, null, true, 0, 1, '', 'text', [], [[]], {}];
  const notRecords = [true, 1, 'text', [], [[]]];
  const notLists = [true, 1, 'text', {}];
  const notLabels = [...notRecords, { a: 1 }, { a: null }, { a: {} }];

  it.each([
    ...junk.map((value) => ({ name: 'instead of a pod', value })),
    ...[undefined, null, ...notRecords].flatMap((value) => [
      { name: 'as metadata', value: { ...pod(), metadata: value } },
      { name: 'as spec', value: { ...pod(), spec: value } },
    ]),
    ...[undefined, null, [], ...notLists].map((value) => ({
      name: 'as containers',
      value: pod({ containers: value }),
    })),
    ...junk.flatMap((value) => [
      { name: 'as a container', value: pod({ containers: [container(), value] }) },
      { name: 'as an init container', value: pod({ initContainers: [value] }) },
      { name: 'as a volume', value: pod({ volumes: [value] }) },
      { name: 'as a variable', value: holding({ env: [value] }) },
      { name: 'as a mount', value: holding({ volumeMounts: [value] }) },
    ]),
    ...notLists.flatMap((value) => [
      { name: 'as init containers', value: pod({ initContainers: value }) },
      { name: 'as volumes', value: pod({ volumes: value }) },
      ...['args', 'env', 'ports', 'volumeMounts'].map((field) => ({
        name: `as ${field}`,
        value: holding({ [field]: value }),
      })),
    ]),
    ...[undefined, null, 1, {}, []].flatMap((value) => [
      { name: 'as an argument', value: holding({ args: [value] }) },
      { name: 'as a container name', value: pod({ containers: [{ name: value }] }) },
      { name: 'as a mount path', value: holding({ volumeMounts: [{ name: 'v', mountPath: value }] }) },
    ]),
    ...notRecords.flatMap((value) => [
      { name: 'as a port', value: holding({ ports: [value] }) },
      { name: 'as a probe', value: holding({ readinessProbe: value }) },
      { name: 'as a lifecycle', value: holding({ lifecycle: value }) },
      { name: 'as a security context', value: holding({ securityContext: value }) },
    ]),
    ...notLabels.flatMap((value) => [
      { name: 'as labels', value: pod({}, { labels: value }) },
      { name: 'as annotations', value: pod({}, { annotations: value }) },
    ]),
  ])('$name: $value', ({ value }) => {
    expect(isPod(value)).toBe(false);
  });
});
