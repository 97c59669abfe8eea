import { describe, expect, it } from '@jest/globals';
import { endLeavingPods, takeOutOfService } from '../../../../src/cli/fold/move/leaving-pods.ts';
import type { ApiClient } from '../../../../src/kube/api-client.ts';
import { ApiError } from '../../../../src/kube/api-error.ts';
import type { ApiErrorCode } from '../../../../src/kube/api-error.ts';

const SELECTED = { app: 'isvc.rose-predictor' };

/**
 * An API server with these pods, which rejects a change of the first with this code. test/e2e/fold.test.ts
 * uses a real node.
 */
function cluster(pods: readonly string[], refusal?: ApiErrorCode) {
  const done: string[] = [];
  const asked: string[] = [];
  const client = {
    get: () => Promise.resolve({ metadata: {}, spec: { selector: { matchLabels: SELECTED } } }),
    list: (_resource: unknown, { labelSelector }: { labelSelector: string }) => {
      asked.push(labelSelector);
      return Promise.resolve({
        metadata: { resourceVersion: '1' },
        items: pods.map((name) => ({ metadata: { name } })),
      });
    },
    patch: (_resource: unknown, { name }: { name: string }, { body }: { body: object }) => {
      if (refusal !== undefined && name === pods[0])
        return Promise.reject(new ApiError('refused', { code: refusal }));
      done.push(`${name} ${JSON.stringify(body)}`);
      return Promise.resolve({});
    },
    delete: (_resource: unknown, { name }: { name: string }) => {
      done.push(`${name} deleted`);
      return Promise.resolve({});
    },
  } as unknown as ApiClient;
  return { place: { client, namespace: 'flowers' }, done, asked };
}

const CHANGE = '{"metadata":{"labels":{"app":null,"kserve-mms/leaving":"rose"}}}';

describe('the pods of a retired InferenceService', () => {
  it('lose the labels that their Service and their ReplicaSet select', async () => {
    const { place, done, asked } = cluster(['a', 'b']);
    expect(await takeOutOfService(place, 'rose')).toBe(', and its pods are out of its Service');
    expect({ done, asked }).toEqual({
      ...{ done: [`a ${CHANGE}`, `b ${CHANGE}`], asked: ['app=isvc.rose-predictor'] },
    });
  });

  it('are all handled when one no longer exists', async () => {
    const { place, done } = cluster(['a', 'b'], 'API_NOT_FOUND');
    await takeOutOfService(place, 'rose');
    expect(done).toEqual([`b ${CHANGE}`]);
  });

  it('are left to the usual scaling with a note when the user may not patch pods', async () => {
    const { place } = cluster(['a'], 'API_FORBIDDEN');
    expect(await takeOutOfService(place, 'rose')).toMatch(/^; you may not patch pods/);
  });

  it('are tried again when the API server is unreachable', async () => {
    const { place } = cluster(['a'], 'API_UNREACHABLE');
    await expect(takeOutOfService(place, 'rose')).rejects.toMatchObject({ retryable: true });
  });

  it('are deleted in the end', async () => {
    const { place, done, asked } = cluster(['a', 'b']);
    expect(await endLeavingPods(place, 'rose')).toMatch(/^2 pods of its own deleted/);
    expect({ done, asked }).toEqual({ done: ['a deleted', 'b deleted'], asked: ['kserve-mms/leaving=rose'] });
  });
});
