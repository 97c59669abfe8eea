import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { kubectlWithInput } from './kubectl.ts';
import type { KServePrograms } from './kserve-programs.ts';
import type { TestKServe } from './kserve.ts';

interface Registration {
  readonly metadata: { readonly name: string };
  readonly webhooks: readonly {
    readonly name: string;
    readonly clientConfig: { readonly service: { readonly path: string } };
  }[];
}

/**
 * Registers every webhook of KServe as its own manifests do, but by URL, because its manager runs outside of the
 * cluster.
 */
export async function registerKServeWebhooks(
  { kubeconfigPath }: ControlPlane,
  { module }: KServePrograms,
  { webhook: { url, caBundle } }: TestKServe,
): Promise<void> {
  const text = await readFile(join(module, 'config', 'webhook', 'manifests.yaml'), 'utf8');
  const registrations = parseAllDocuments(text).map((document) => document.toJS() as Registration);
  const byUrl = registrations.map((registration) => ({
    ...registration,
    // KServe's manifests leave a creation time that a later step sets.
    metadata: { name: registration.metadata.name },
    webhooks: registration.webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { url: url + webhook.clientConfig.service.path, caBundle },
    })),
  }));
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: byUrl });
  await kubectlWithInput(kubeconfigPath, list, ['apply', '-f', '-']);
}
