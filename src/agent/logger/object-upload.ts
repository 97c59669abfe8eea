import type { Environment } from '../sources/environment.ts';
import type { ObjectPlace, ObjectUpload } from './object-place.ts';

/** A store's client, loaded on demand, with the credentials of the environment, as for models. */
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
