import { afterEach, expect, it } from '@jest/globals';
import type { AdmissionRequest, AdmissionReview } from '../../../src/admission/admission-review.decide.ts';
import { respond } from '../../../src/admission/admission-review.decide.ts';
import type { ObjectCache } from '../../../src/contract/kubernetes.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { silentLogger } from '../../../src/lib/log.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';
import { jsonMeter } from '../../../src/lib/json-meter.ts';
import { mutatePods } from '../../../src/admission/mutate-pods.ts';
import { NO_CREDENTIALS } from '../../../src/admission/pod-credentials.ts';
import { decodeReview, MAX_BODY_BYTES, REVIEW_BOUNDS } from '../../../src/admission/review-codec.ts';
import type { AdmissionHandler } from '../../../src/admission/review-endpoint.ts';
import { validateTrainedModels } from '../../../src/admission/validate-trained-models.ts';
import { costlyReviews } from '../../support/costly-reviews.ts';

const KIB = 1024;
/** Room for some copies of what an agent may take over from a pod, and for no copy of the pod. */
const MOST_WRITTEN = 3 * 1024 * KIB;

const multiModel = {
  metadata: { name: 'sk', namespace: 'models' },
  spec: { predictor: { sklearn: {} } },
} as unknown as InferenceService;

const handlers = new Map<string, AdmissionHandler>([
  [
    '/mutate-pods',
    mutatePods({
      inferenceServices: { get: () => multiModel } as unknown as ObjectCache<InferenceService>,
      readInferenceService: () => Promise.resolve(undefined),
      credentials: NO_CREDENTIALS,
      systemConfig: () => DEFAULT_SYSTEM_CONFIG,
      callerIsKnown: true,
      logger: silentLogger,
      observe: () => undefined,
    }),
  ],
  [
    '/validate-trainedmodels',
    validateTrainedModels({
      surroundings: () => Promise.resolve({ inferenceService: multiModel, waiting: undefined, remarks: [] }),
      allowMemoryChanges: false,
      callerIsKnown: true,
      logger: silentLogger,
    }),
  ],
]);

/** Does what the endpoint does with a complete body. */
async function answerTo(path: string, body: Buffer): Promise<AdmissionReview['response']> {
  const meter = jsonMeter(REVIEW_BOUNDS, 1);
  if (meter.add(body) !== undefined) throw new Error('the review is beyond the bounds, and costs nothing');
  const review = decodeReview(body, meter.depth());
  if (review.kind !== 'ok') throw new Error(`the review was not decided: ${review.kind}`);
  const handler = handlers.get(path) as (
    request: AdmissionRequest,
    signal: AbortSignal,
  ) => ReturnType<AdmissionHandler>;
  const answer = respond('u', await handler(review.request, new AbortController().signal));
  JSON.stringify(answer);
  return answer.response;
}

const { parse, stringify } = JSON;

afterEach(() => {
  Object.assign(JSON, { parse, stringify });
});

/** Counts the characters of JSON that are read and written. A spy would keep all of them. */
function countJson(): { readonly read: number; readonly written: number } {
  const count = { read: 0, written: 0 };
  Object.assign(JSON, {
    parse: (...given: Parameters<typeof parse>): unknown => {
      count.read += given[0].length;
      return parse(...given);
    },
    stringify: (...given: Parameters<typeof stringify>): string | undefined => {
      const text = stringify(...given) as string | undefined;
      count.written += text?.length ?? 0;
      return text;
    },
  });
  return count;
}

const reviews = costlyReviews({ bytes: MAX_BODY_BYTES, ...REVIEW_BOUNDS });

/** Time differs between machines, so this counts what takes time: the JSON that is read and written. */
it.each(reviews.map((review) => [review.name, review] as const))(
  'is parsed once, and its answer does not grow with it: %s',
  async (_name, { path, body }) => {
    const count = countJson();
    const { status, auditAnnotations = {} } = await answerTo(path, body);
    expect(count.read).toBeLessThanOrEqual(body.length + 64 * KIB);
    expect(count.written).toBeLessThanOrEqual(MOST_WRITTEN);
    expect(status?.message.length ?? 0).toBeLessThanOrEqual(4 * KIB);
    for (const note of Object.values(auditAnnotations)) expect(note.length).toBeLessThanOrEqual(KIB);
  },
);
