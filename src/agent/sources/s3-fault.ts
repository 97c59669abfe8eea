import { recordOf } from '../../lib/json.ts';
import { RequestRefusedError, SourceConfigurationError } from './errors.ts';
import type { PullError } from './errors.ts';
import { shownUri } from './redact.ts';

/**
 * The meaning of an S3 store's refusal where its status alone would mislead; undefined for all others.
 * Source: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * @param place the bucket, with the key if one was requested
 * @param region the region that the request was signed for
 */
export function s3Fault(thrown: unknown, place: string, region: string): PullError | undefined {
  const error = recordOf(thrown);
  const shown = shownUri(`s3://${place}`);
  if (error['name'] === 'InvalidObjectState') {
    const storageClass = word(error['StorageClass']);
    return new RequestRefusedError(
      `${shown}: the object is archived${storageClass === undefined ? '' : ` (${storageClass})`}, so it cannot be read. ` +
        'Restore it in the store, or copy it to a storage class that can be read at once.',
      { cause: thrown },
    );
  }
  const status = recordOf(error['$metadata'])['httpStatusCode'];
  const headers = recordOf(recordOf(error['$response'])['headers']);
  const right = word(error['Region']) ?? word(headers['x-amz-bucket-region']) ?? regionOf(error['Endpoint']);
  if (right === undefined && typeof status === 'number' && status >= 300 && status < 400) {
    return new SourceConfigurationError(
      `${shown}: the store answers that the bucket is elsewhere, and does not say where; the agent asked in the region ${region}. ` +
        'Set AWS_DEFAULT_REGION to the region of the bucket, and check the endpoint: annotate the Secret of the service account ' +
        'with serving.kserve.io/s3-region and s3-endpoint.',
      { cause: thrown },
    );
  }
  // 400 AuthorizationHeaderMalformed, 301 PermanentRedirect, 403 of HeadBucket: most of them name the right region.
  if (right === undefined || right === region || typeof status !== 'number' || status >= 500)
    return undefined;
  return new SourceConfigurationError(
    `${shown}: the bucket is in the region ${right}, but the agent asked in ${region}. Set AWS_DEFAULT_REGION to ${right}: ` +
      'annotate the Secret of the service account with serving.kserve.io/s3-region.',
    { cause: thrown },
  );
}

/** An endpoint of AWS has its region in it. Source: docs.aws.amazon.com/general/latest/gr/s3.html */
function regionOf(endpoint: unknown): string | undefined {
  if (typeof endpoint !== 'string') return undefined;
  return word(
    /\bs3[.-](?:dualstack\.)?([a-z]{2,3}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/.exec(endpoint)?.[1],
  );
}

/** A store's text is shown only if it can be nothing but a name. */
function word(value: unknown): string | undefined {
  return typeof value === 'string' && /^[A-Za-z][\w-]{0,40}$/.test(value) ? value : undefined;
}
