import { describe, expect, it } from '@jest/globals';
import type { AdmissionRequest } from '../../../src/admission/admission-review.decide.ts';
import { mutatePods } from '../../../src/admission/mutate-pods.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import type { ObjectCache } from '../../../src/contract/kubernetes.ts';
import type { Pod } from '../../../src/contract/pod.ts';
import { readSystemConfig } from '../../../src/contract/system-config.ts';
import { silentLogger } from '../../../src/lib/log.ts';
import { inferenceService } from '../../support/cluster-client.ts';
import { predictorPod } from '../../support/predictor-pod.ts';

/** Answers for a pod with this logger. Each of these service accounts has a Secret for https. */
async function answerFor(logger: object, accounts: readonly string[], annotations: Record<string, string>) {
  const asked: string[] = [];
  const service = inferenceService('sk', { sklearn: {}, logger });
  const answer = mutatePods({
    inferenceServices: { get: () => service } as unknown as ObjectCache<InferenceService>,
    readInferenceService: () => Promise.resolve(undefined),
    credentials: {
      of: ({ serviceAccountName: name = 'default', named }) => {
        asked.push(name);
        const secret = {
          name,
          keys: new Set(['https-host', 'headers']),
          annotations: {},
          https: { host: name },
        };
        const isThere = accounts.includes(name);
        return Promise.resolve({
          account: isThere ? { metadata: { name } } : undefined,
          ...{ named, secrets: isThere ? [secret] : [], missing: [] },
        });
      },
    },
    systemConfig: () => readSystemConfig({ credentials: '{}' }, undefined).config,
    callerIsKnown: true,
    logger: silentLogger,
    observe: () => undefined,
  });
  const pod = predictorPod('p', 'sk', (made: Pod) => {
    made.metadata.annotations = annotations;
  });
  const decision = await answer({
    ...{ uid: 'u', kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE' },
    ...{ namespace: 'default', object: pod },
  } as unknown as AdmissionRequest);
  if (decision.kind !== 'patched') throw new Error(`the pod was ${decision.kind}`);
  return { asked: asked.sort(), patch: JSON.stringify(decision.patch), warnings: decision.warnings ?? [] };
}

const LOGGED = { 'internal.serving.kserve.io/logger': 'true' };
const STORE = { url: 's3://logs', storage: { path: 'p' } };

describe("the Secrets of a logger's store", () => {
  it.each([
    ["KServe's default account", STORE, 'logger-sa'],
    ['the account that the store names', { ...STORE, storage: { serviceAccountName: 'mine' } }, 'mine'],
  ])('are those of %s', async (_what, logger, account) => {
    const { asked, patch, warnings } = await answerFor(logger, ['default', account], LOGGED);
    expect(asked).toEqual(['default', account].sort());
    expect(patch).toContain(`${account}-headers`);
    expect(patch).toContain('default-headers');
    expect(warnings).toEqual([]);
  });

  it('add a warning when their account does not exist', async () => {
    const { warnings } = await answerFor(STORE, ['default'], LOGGED);
    expect(warnings).toEqual([expect.stringMatching(/logger-sa does not exist.*serviceAccountName/)]);
  });

  it('are not read for an invalid account name', async () => {
    const logger = { ...STORE, storage: { serviceAccountName: '../../secrets' } };
    const { asked, warnings } = await answerFor(logger, ['default'], LOGGED);
    expect(asked).toEqual(['default']);
    expect(warnings).toHaveLength(1);
  });

  it.each([
    ['a pod without a logger', STORE, {}],
    ['a logger without a store', { url: 'http://sink/' }, LOGGED],
  ])('are not read for %s', async (_what, logger, annotations) => {
    const { asked, warnings } = await answerFor(logger, ['default'], annotations);
    expect(asked).toEqual(['default']);
    expect(warnings).toEqual([]);
  });
});
