import { describe, expect, it } from '@jest/globals';
import type { AdmissionRequest } from '../../../src/admission/admission-review.decide.ts';
import type { ObjectCache } from '../../../src/contract/kubernetes.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';
import { mutatePods } from '../../../src/admission/mutate-pods.ts';
import { inferenceService } from '../../support/cluster-client.ts';
import { predictorPod } from '../../support/predictor-pod.ts';
import { silentLogger } from '../../../src/lib/log.ts';

/** A service account that lists a missing Secret. */
const CREDENTIALS = {
  of: () =>
    Promise.resolve({
      ...{ account: undefined, named: undefined, secrets: [], missing: ['gone'], off: false },
    }),
};

function askedBy(callerIsKnown: boolean, owner = 'sk') {
  const logged: string[] = [];
  const cache = {
    get: (key: string) => (key === 'default/sk' ? inferenceService('sk') : undefined),
  } as unknown as ObjectCache<InferenceService>;
  const answer = mutatePods({
    inferenceServices: cache,
    readInferenceService: () => Promise.resolve(undefined),
    credentials: CREDENTIALS,
    systemConfig: () => DEFAULT_SYSTEM_CONFIG,
    callerIsKnown,
    logger: { ...silentLogger, info: (_: unknown, text?: string) => void logged.push(text ?? '') },
    observe: () => undefined,
  })({
    ...{ uid: 'u', kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE' },
    ...{ namespace: 'default', object: predictorPod('p', owner) },
  } as unknown as AdmissionRequest);
  return answer.then((decision) => ({ decision, logged: logged.join('\n') }));
}

describe('a finding about Secrets', () => {
  it('is a warning to the API server', async () => {
    const { decision } = await askedBy(true);
    expect(decision).toMatchObject({ kind: 'patched', warnings: [expect.stringContaining('gone')] });
  });

  it('is only logged when the caller is unknown', async () => {
    const { decision, logged } = await askedBy(false);
    expect(JSON.stringify(decision)).not.toContain('gone');
    expect(logged).toContain('gone');
  });
});

it('the response to an unknown caller does not distinguish an absent InferenceService from one that is not multi-model', async () => {
  const { decision } = await askedBy(false, 'absent');
  expect(decision).toMatchObject({ auditAnnotations: { reason: 'NotMMSPredictor' }, warnings: [] });
});
