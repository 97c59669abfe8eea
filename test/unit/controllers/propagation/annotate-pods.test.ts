import { describe, expect, it } from '@jest/globals';
import type { ConfigMap } from '../../../../src/contract/kubernetes.ts';
import { keyOf } from '../../../../src/contract/kubernetes.ts';
import type { WatchedPod } from '../../../../src/contract/watched-pod.ts';
import type { ApiClient, Patch } from '../../../../src/kube/api-client.ts';
import { ApiError } from '../../../../src/kube/api-error.ts';
import { createPropagation } from '../../../../src/controllers/propagation/annotate-pods.ts';
import type { PropagationResult } from '../../../../src/controllers/propagation/annotate-pods.ts';
import { fakeClock, settle } from '../../../support/clocks.ts';

const UNENDING = new AbortController().signal;

function pod(index = 0, change: Partial<WatchedPod> = {}): WatchedPod {
  return {
    metadata: { name: `p${index}`, namespace: 'default', uid: `u${index}` },
    inferenceService: 'sk',
    phase: 'Running',
    scheduled: true,
    ready: true,
    podIP: undefined,
    configMaps: ['modelconfig-sk-0'],
    modelConfigVersion: undefined,
    agentStatusPort: undefined,
    agentPort: 9081,
    ...change,
  };
}

/** One InferenceService with these pods, and an API server that accepts every patch unless `refuse` is set. */
function world(pods: WatchedPod[]) {
  const clock = fakeClock();
  const state = { version: 1, refuse: undefined as ApiError | undefined };
  const patched: string[] = [];
  const results: PropagationResult[] = [];
  const client: Pick<ApiClient, 'patch'> = {
    patch: (_resource, { name }, patch: Patch) => {
      if (state.refuse !== undefined) return Promise.reject(state.refuse);
      const { metadata } = patch.body as { metadata: { uid: string; annotations: Record<string, string> } };
      patched.push(`${name} ${metadata.uid} ${Object.values(metadata.annotations).join()}`);
      return Promise.resolve({} as never);
    },
  };
  const propagation = createPropagation({
    ...{ client, clock },
    pod: (key) => pods.find((one) => keyOf(one) === key),
    configMapsFor: (): ConfigMap[] => [
      {
        metadata: { name: 'modelconfig-sk-0', namespace: 'default', resourceVersion: String(state.version) },
      },
    ],
    observe: (result) => results.push(result),
  });
  const annotate = (one: WatchedPod): Promise<void> => propagation.annotate(keyOf(one), UNENDING);
  return { clock, state, pods, patched, results, propagation, annotate };
}

describe('the propagation of a changed ConfigMap to pods', () => {
  it('skips a new pod, and annotates it once for each later version', async () => {
    const { state, patched, propagation, annotate } = world([pod()]);
    expect(propagation.isDue(pod())).toBe(false);
    state.version = 2;
    expect(propagation.isDue(pod())).toBe(true);
    await annotate(pod());
    expect(propagation.isDue(pod())).toBe(false);
    await annotate(pod());
    state.version = 3;
    await annotate(pod());
    expect(patched).toEqual(['p0 u0 2', 'p0 u0 3']);
  });

  it('annotates a pod that was scheduled after the change, in case kubelet was faster than the watch', () => {
    const waiting = pod(0, { scheduled: false, phase: 'Pending' });
    const { state, propagation } = world([waiting]);
    expect(propagation.isDue(waiting)).toBe(false);
    state.version = 2;
    expect(propagation.isDue(waiting)).toBe(false);
    expect(propagation.isDue(pod())).toBe(true);
  });

  it('writes only the newest version when the turn comes', async () => {
    const pods = Array.from({ length: 101 }, (_, index) => pod(index));
    const { clock, state, patched, propagation, annotate } = world(pods);
    for (const one of pods) propagation.isDue(one);
    state.version = 2;
    const all = Promise.all(pods.map(annotate));
    await settle();
    expect(patched).toHaveLength(100);
    state.version = 5;
    await clock.advance(1000);
    await all;
    expect(patched.at(-1)).toBe('p100 u100 5');
  });

  it('skips a pod that has ended or disappeared while it waited, and passes its turn on', async () => {
    const pods = Array.from({ length: 102 }, (_, index) => pod(index));
    const { clock, state, patched, propagation, annotate } = world(pods);
    for (const one of pods) propagation.isDue(one);
    state.version = 2;
    const all = Promise.all(pods.map(annotate));
    await settle();
    pods[100] = pod(100, { phase: 'Succeeded' });
    pods.splice(101, 1);
    await clock.advance(1000);
    await all;
    expect(patched).toHaveLength(100);
  });

  it('ignores a deleted pod, and returns any other failure for a retry', async () => {
    const { state, results, patched, propagation, annotate } = world([pod()]);
    propagation.isDue(pod());
    state.version = 2;
    state.refuse = new ApiError('gone', { code: 'API_NOT_FOUND' });
    await annotate(pod());
    state.refuse = new ApiError('away', { code: 'API_UNREACHABLE' });
    await expect(annotate(pod())).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
    expect(propagation.isDue(pod())).toBe(true);
    state.refuse = undefined;
    await annotate(pod());
    expect(results).toEqual(['pod-gone', 'failed', 'annotated']);
    expect(patched).toEqual(['p0 u0 2']);
  });

  it('treats a recreated pod with the same name as a new one', () => {
    const { state, propagation } = world([pod()]);
    propagation.isDue(pod());
    state.version = 2;
    propagation.forget(pod());
    const { metadata } = pod();
    expect(propagation.isDue(pod(0, { metadata: { ...metadata, uid: 'other' } }))).toBe(false);
  });
});
