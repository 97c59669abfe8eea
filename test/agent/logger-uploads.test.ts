import { describe, expect, it } from '@jest/globals';
import { openUpload } from '../../src/agent/logger/object-upload.ts';
import { startAzure } from '../support/azure.ts';
import { startGcs } from '../support/gcs.ts';

const KEY = 'a/b c/id-request.json';
const DATA = Buffer.from([0, 255, 10, 34]);
const NEVER = new AbortController().signal;

describe('objects of the logger in real stores', () => {
  it('Google Cloud Storage', async () => {
    const store = await startGcs();
    try {
      await store.putObject('logs', 'first', Buffer.from('x'));
      const place = { store: 'gs', bucket: 'logs', host: '', prefix: '', storePath: '' } as const;
      const upload = await openUpload(place, { STORAGE_EMULATOR_HOST: store.endpoint });
      await upload.put(KEY, DATA, NEVER);
      const url = `${store.endpoint}/download/storage/v1/b/logs/o/${encodeURIComponent(KEY)}?alt=media`;
      expect(Buffer.from(await (await fetch(url)).arrayBuffer())).toEqual(DATA);
      const absent = await openUpload(
        { ...place, bucket: 'absent' },
        { STORAGE_EMULATOR_HOST: store.endpoint },
      );
      await expect(absent.put(KEY, DATA, NEVER)).rejects.toMatchObject({ code: 'GCS_UPLOAD_FAILED' });
      upload.close();
      absent.close();
    } finally {
      await store.stop();
    }
  });

  it('Azure', async () => {
    const store = await startAzure();
    try {
      const container = store.client.getContainerClient('logs');
      await container.create();
      const host = `${store.account}.dfs.core.windows.net`;
      const place = { store: 'azure', bucket: 'logs', host, prefix: '', storePath: '' } as const;
      const upload = await openUpload(place, {
        AZURE_STORAGE_SERVICE_ENDPOINT: store.endpoint,
        AZURE_STORAGE_ACCESS_KEY: store.key,
      });
      await upload.put(KEY, DATA, NEVER);
      expect(await container.getBlobClient(KEY).downloadToBuffer()).toEqual(DATA);
      upload.close();
    } finally {
      await store.stop();
    }
  });
});
