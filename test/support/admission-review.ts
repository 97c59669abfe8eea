import { randomUUID } from 'node:crypto';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import type { AdmissionReview } from '../../src/admission/admission-review.decide.ts';
import type { KubernetesObject } from '../../src/contract/kubernetes.ts';

export interface ReviewOptions {
  readonly kind?: 'Pod' | 'TrainedModel';
  /** PEM of a client certificate and its key. */
  readonly client?: { readonly cert: string; readonly key: string };
}

/** Sends a review of a creation directly to a webhook, without checking its certificate. */
export async function reviewAt(
  port: number,
  object: KubernetesObject,
  { kind: of = 'Pod', client }: ReviewOptions = {},
): Promise<AdmissionReview> {
  const uid = randomUUID();
  const kind = { group: '', version: 'v1', kind: of };
  const path = of === 'Pod' ? '/mutate-pods' : '/validate-trainedmodels';
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid, kind, operation: 'CREATE', namespace: 'default', dryRun: true, object },
  };
  const body = await new Promise<string>((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port, path, method: 'POST', rejectUnauthorized: false, ...client },
      (response) => void text(response).then(resolve, reject),
    );
    call.setHeader('Content-Type', 'application/json');
    call.once('error', reject);
    call.end(JSON.stringify(review));
  });
  return JSON.parse(body) as AdmissionReview;
}
