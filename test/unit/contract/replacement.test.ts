import { describe, expect, it } from '@jest/globals';
import type { EndpointSlice } from '../../../src/contract/endpoint-slice.ts';
import type { KubernetesObject } from '../../../src/contract/kubernetes.ts';
import {
  ledService,
  sliceChanges,
  replacementSlices,
  replacedService,
} from '../../../src/contract/replacement.ts';
import { watchedPod } from '../../../src/contract/watched-pod.ts';
import type { WatchedPod } from '../../../src/contract/watched-pod.ts';

const KEY = 'kserve-mms/replaces';
const PORT = { name: 'http', protocol: 'TCP' };

function model(value?: string, more: object = {}) {
  const annotations = value === undefined ? {} : { [KEY]: value };
  return { metadata: { name: 'rose', namespace: 'flowers', uid: 'u', annotations, ...more } };
}

function pod(
  name: string,
  podIP: string | undefined,
  more: { ready?: boolean; port?: number; gone?: true } = {},
): WatchedPod {
  const { ready = true, port = 9081, gone } = more;
  return watchedPod({
    metadata: {
      ...{ name, namespace: 'flowers', labels: { 'serving.kserve.io/inferenceservice': 'shared' } },
      ...(gone && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: {
      nodeName: 'n',
      containers: [{ name: 'agent', ports: [{ name: 'agent-port', containerPort: port }] }],
      volumes: [{ name: 'model-config', configMap: { name: 'modelconfig-shared-0' } }],
    },
    status: { phase: 'Running', podIP, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as KubernetesObject);
}

describe('the InferenceService that a TrainedModel replaces', () => {
  it.each([
    ['the one with the same name', model('rose'), 'rose'],
    ['no other, because its clients use another path', model('tulip'), undefined],
    ['none, once the annotation is empty', model(''), undefined],
    ['none without an annotation', model(), undefined],
    ['none while the model is being deleted', model('rose', { deletionTimestamp: 'x' }), undefined],
  ])('%s', (_, given, expected) => {
    expect(replacedService(given)).toBe(expected);
  });
});

describe('the port of the Service that is redirected', () => {
  const service = (spec: object, owner = 'rose', kind = 'InferenceService') => ({
    metadata: { name: 'rose-predictor', ownerReferences: [{ apiVersion: 'x', kind, name: owner, uid: 'u' }] },
    spec,
  });
  it.each([
    [
      'port 80 of several ports',
      service({
        ports: [
          { name: 'm', port: 8082 },
          { name: 'http', port: 80 },
        ],
      }),
      'http',
    ],
    ['the only port', service({ ports: [{ port: 8080 }] }), ''],
    [
      'none for a Service of another InferenceService',
      service({ ports: [{ port: 80 }] }, 'tulip'),
      undefined,
    ],
    [
      'none for a Service of a Deployment',
      service({ ports: [{ port: 80 }] }, 'rose', 'Deployment'),
      undefined,
    ],
    [
      'none for the ExternalName Service of Knative',
      service({ type: 'ExternalName', ports: [{ port: 80 }] }),
      undefined,
    ],
    ['none without ports', service({}), undefined],
    ['none for a missing Service', undefined, undefined],
  ])('%s', (_, given, expected) => {
    const led = ledService(given, 'rose');
    expect(led.kind === 'port' ? led.port.name : undefined).toBe(expected);
  });
});

describe('the EndpointSlices of a model that replaces an InferenceService', () => {
  const addresses = (slices: readonly EndpointSlice[]): object =>
    Object.fromEntries(
      slices.map(({ metadata, ports, endpoints = [] }) => [
        metadata.name,
        [ports?.[0]?.port, ...endpoints.map((one) => one.addresses?.[0])],
      ]),
    );

  it('contain the ready pods, by address family and port', () => {
    const pods = [
      pod('b', '10.0.0.2'),
      pod('a', '10.0.0.1'),
      pod('c', '10.0.0.3', { port: 9091 }),
      pod('d', 'fd00::1'),
      pod('starts', undefined),
      pod('not-ready', '10.0.0.4', { ready: false }),
      pod('ends', '10.0.0.5', { gone: true }),
    ];
    expect(addresses(replacementSlices(model('rose'), PORT, pods))).toEqual({
      'rose-predictor-shared-ipv4-9081-0': [9081, '10.0.0.1', '10.0.0.2'],
      'rose-predictor-shared-ipv4-9091-0': [9091, '10.0.0.3'],
      'rose-predictor-shared-ipv6-9081-0': [9081, 'fd00::1'],
    });
  });

  it('are owned by the model and labelled for the Service', () => {
    const [slice] = replacementSlices(model('rose'), PORT, [pod('a', '10.0.0.1')]);
    expect(slice).toMatchObject({
      metadata: {
        labels: {
          'kubernetes.io/service-name': 'rose-predictor',
          'endpointslice.kubernetes.io/managed-by': 'kserve-mms',
        },
        ownerReferences: [{ kind: 'TrainedModel', name: 'rose', uid: 'u' }],
      },
      ...{ addressType: 'IPv4', ports: [{ name: 'http', protocol: 'TCP', port: 9081 }] },
    });
  });

  it('contain at most a hundred endpoints each', () => {
    const pods = Array.from({ length: 250 }, (_, index) =>
      pod(`p${index}`, `10.0.${index >> 8}.${index & 255}`),
    );
    expect(replacementSlices(model('rose'), PORT, pods).map(({ endpoints }) => endpoints?.length)).toEqual([
      100, 100, 50,
    ]);
  });

  it('are written only when they differ', () => {
    const wanted = replacementSlices(model('rose'), PORT, [pod('a', '10.0.0.1'), pod('d', 'fd00::1')]);
    const [first] = wanted;
    const stale = { metadata: { name: 'stale' } };
    expect(sliceChanges([...wanted, stale], wanted)).toEqual({ apply: [], delete: [stale] });
    expect(sliceChanges(wanted.slice(1), wanted).apply).toEqual([first]);
    expect(sliceChanges([{ ...first!, ports: [] }, ...wanted.slice(1)], wanted).apply).toEqual([first]);
  });
});
