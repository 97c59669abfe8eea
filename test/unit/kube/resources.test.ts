import { describe, expect, it } from '@jest/globals';
import {
  collectionPath,
  CONFIG_MAPS,
  NAMESPACES,
  objectPath,
  TRAINED_MODELS,
} from '../../../src/kube/resources.ts';

describe('resource paths', () => {
  it.each([
    [collectionPath(CONFIG_MAPS), '/api/v1/configmaps'],
    [collectionPath(CONFIG_MAPS, 'ns'), '/api/v1/namespaces/ns/configmaps'],
    [collectionPath(TRAINED_MODELS), '/apis/serving.kserve.io/v1alpha1/trainedmodels'],
    [objectPath(NAMESPACES, { name: 'ns' }), '/api/v1/namespaces/ns'],
    [
      objectPath(TRAINED_MODELS, { namespace: 'ns', name: 'm.1' }, 'status'),
      '/apis/serving.kserve.io/v1alpha1/namespaces/ns/trainedmodels/m.1/status',
    ],
    [objectPath(NAMESPACES, { name: 'a?b#c d' }), '/api/v1/namespaces/a%3Fb%23c%20d'],
  ])('%s', (path, expected) => {
    expect(path).toBe(expected);
  });

  it.each([
    ['no name', () => objectPath(CONFIG_MAPS, { namespace: 'ns', name: '' })],
    ['a name with a path traversal', () => objectPath(CONFIG_MAPS, { namespace: 'ns', name: '..' })],
    ['a namespace with a slash', () => collectionPath(CONFIG_MAPS, 'a/b')],
    ['no namespace for a namespaced resource', () => objectPath(CONFIG_MAPS, { name: 'x' })],
    ['a namespace for a cluster-scoped resource', () => collectionPath(NAMESPACES, 'ns')],
  ])('rejects %s', (_what, build) => {
    expect(build).toThrow(expect.objectContaining({ code: 'API_INVALID_NAME' }));
  });
});
