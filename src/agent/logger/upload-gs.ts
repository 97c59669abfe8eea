import { seconds } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';
import { createAuthorizer, gcsEndpoint, READ_WRITE } from '../sources/gs.ts';
import { createProxyRouter } from '../sources/proxy/proxy-router.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../sources/settings.ts';
import type { Environment } from '../sources/environment.ts';
import type { ObjectPlace, ObjectUpload } from './object-place.ts';
import { post } from './post.ts';

const ANSWER_TIME = seconds(60);

/** Google Cloud Storage did not take an object. */
class GcsUploadError extends MmsError {
  readonly code = 'GCS_UPLOAD_FAILED';
  readonly retryable = true;

  constructor(status: number, bucket: string) {
    super(
      `bucket ${bucket} answered ${status}; the pod's credentials need storage.objects.create and storage.objects.delete`,
    );
  }
}

/** By the JSON API. Source: cloud.google.com/storage/docs/json_api/v1/objects/insert */
export function openGcsUpload({ bucket }: ObjectPlace, env: Environment): ObjectUpload {
  const endpoint = gcsEndpoint(env);
  const proxies = createProxyRouter(env, DEFAULT_SOURCE_SETTINGS);
  const authorize = createAuthorizer(env, endpoint, proxies, READ_WRITE);
  return {
    put: async (key, data, signal) => {
      const url = new URL(`${endpoint}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o`);
      url.searchParams.set('uploadType', 'media');
      url.searchParams.set('name', key);
      const headers = {
        ...(await authorize()),
        'content-type': 'application/octet-stream',
        'content-length': data.length,
      };
      const agent = (await proxies?.routeFor(url))?.agent;
      const { status } = await post(url, data, {
        headers,
        ...(agent && { agent }),
        signal,
        within: ANSWER_TIME,
      });
      if (status !== 200) throw new GcsUploadError(status, bucket);
    },
    close: () => proxies?.close(),
  };
}
