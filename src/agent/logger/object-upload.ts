import type { Environment } from '../sources/source.ts';
import type { ObjectPlace } from './object-place.ts';

/** Writes objects to one bucket. */
export interface ObjectUpload {
  /** @throws what the store's client throws */
  put(key: string, data: Buffer, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** A store's client, which is loaded when it is needed: with the credentials of the environment, as for models. */
export async function openUpload(place: ObjectPlace, env: Environment): Promise<ObjectUpload> {
  switch (place.store) {
    case 's3':
      return (await import('./upload-s3.ts')).openS3Upload(place, env);
    case 'gs':
      return (await import('./upload-gs.ts')).openGcsUpload(place, env);
    case 'azure':
      return (await import('./upload-azure.ts')).openAzureUpload(place, env);
  }
}
