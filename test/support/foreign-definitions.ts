import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { goModule } from './go-module.ts';
import { kubectl } from './kubectl.ts';

/** The CustomResourceDefinitions of other projects that a cluster may have, as published by those projects. */
const PUBLISHED = {
  'cert-manager': {
    module: 'github.com/cert-manager/cert-manager',
    version: 'v1.21.2',
    directory: 'deploy/crds',
    files: ['cert-manager.io_certificates.yaml', 'cert-manager.io_issuers.yaml'],
  },
  'gateway-api': {
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.4.0',
    directory: 'config/crd/standard',
    files: ['gateway.networking.k8s.io_httproutes.yaml'],
  },
  'prometheus-operator': {
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    directory: 'example/prometheus-operator-crd',
    files: ['monitoring.coreos.com_podmonitors.yaml', 'monitoring.coreos.com_prometheusrules.yaml'],
  },
} as const;

/** Installs them. Resolves once the API server serves them. */
export async function installDefinitionsOf(
  project: keyof typeof PUBLISHED,
  kubeconfig: string,
): Promise<void> {
  const { module, version, directory, files } = PUBLISHED[project];
  const root = await goModule(module, version);
  const selected = files.flatMap((file) => ['-f', join(root, directory, file)]);
  await kubectl(kubeconfig, 'apply', '--server-side', ...selected);
  // kubectl wait fails for a definition that has no conditions yet.
  await eventually(() =>
    kubectl(kubeconfig, 'wait', '--for=condition=Established', '--timeout=60s', ...selected),
  );
}
