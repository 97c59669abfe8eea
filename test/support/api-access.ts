import { KubeConfig } from '@kubernetes/client-node';
import { createApiClient, type ApiClient, type ApiClientOptions } from '../../src/kube/api-client.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { systemClock } from '../../src/lib/system-clock.ts';

/** The kubeconfig of a test's control plane, with another port if given. */
export function kubeConfigFor(controlPlane: ControlPlane, port?: number): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(controlPlane.kubeconfigPath);
  if (port === undefined) return kubeConfig;
  const [cluster] = kubeConfig.clusters;
  kubeConfig.clusters = [{ ...cluster!, server: `https://127.0.0.1:${port}` }];
  return kubeConfig;
}

/** A client of a test's control plane. */
export function clientFor(
  controlPlane: ControlPlane,
  options: Partial<ApiClientOptions> & { readonly port?: number; readonly kubeConfig?: KubeConfig } = {},
): ApiClient {
  const { port, kubeConfig = kubeConfigFor(controlPlane, port), ...rest } = options;
  return createApiClient(kubeConfig, {
    clock: systemClock,
    userAgent: 'kserve-mms/test',
    ...rest,
  });
}
