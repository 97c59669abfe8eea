import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { POD_WEBHOOK, TRAINED_MODEL_WEBHOOK } from '../../../src/manager/webhook-templates.ts';
import { ROOT } from '../../support/page.ts';

describe('the webhooks of a local manager', () => {
  it.each([
    ['mutating', POD_WEBHOOK],
    ['validating', TRAINED_MODEL_WEBHOOK],
  ])('are those of the %s manifest', async (kind, template) => {
    const manifest = await readFile(join(ROOT, 'manifests', 'webhook', `${kind}-webhook.yaml`), 'utf8');
    expect(template).toEqual(parse(manifest));
  });
});
