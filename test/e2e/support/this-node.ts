import process from 'node:process';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiClient } from '../../../src/kube/api-client.ts';
import { createApiClient } from '../../../src/kube/api-client.ts';
import { systemClock } from '../../../src/lib/system-clock.ts';
import { kubectl, kubectlWithInput } from '../../support/kubectl.ts';
import type { RealNode } from './node.ts';

/** The node of this test run. */
export function thisNode(): Omit<RealNode, 'stop'> {
  const text = process.env['KSERVE_MMS_E2E_NODE'];
  if (text === undefined)
    throw new Error('these tests need a node of their own; run them with: npm run test:e2e');
  return JSON.parse(text) as Omit<RealNode, 'stop'>;
}

/** Runs kubectl as a user would. */
export function run(...args: readonly string[]): Promise<string> {
  return kubectl(thisNode().kubeconfig, ...args);
}

/** `kubectl apply -f -` */
export function apply(...objects: readonly object[]): Promise<string> {
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  return kubectlWithInput(thisNode().kubeconfig, JSON.stringify(list), ['apply', '-f', '-']);
}

/** A client of the node's API server. The caller closes it. */
export function nodeClient(): ApiClient {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(thisNode().kubeconfig);
  return createApiClient(kubeConfig, { clock: systemClock, userAgent: 'kserve-mms/test' });
}
