import { PutObjectCommand } from '@aws-sdk/client-s3';
import { openS3Client } from '../sources/s3.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../sources/settings.ts';
import type { Environment } from '../sources/environment.ts';
import type { ObjectPlace, ObjectUpload } from './object-place.ts';

export async function openS3Upload({ bucket }: ObjectPlace, env: Environment): Promise<ObjectUpload> {
  const { s3 } = await openS3Client(env, DEFAULT_SOURCE_SETTINGS.connectTimeoutMs);
  return {
    put: async (key, data, signal) => {
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: data }), { abortSignal: signal });
    },
    close: () => s3.destroy(),
  };
}
