import { ALLOCATOR } from '../../src/agent/puller/allocator.decide.ts';
import { render } from './rendered.ts';

/** The settings of the manager's container that affect the cost of the process. */
export interface ShippedManager {
  /** The variables of the image and the Deployment. */
  readonly environment: Readonly<Record<string, string>>;
  /** A Kubernetes quantity. */
  readonly memoryLimit: string;
}

interface DeploymentSpec {
  readonly template: { readonly spec: { readonly containers: readonly Container[] } };
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly resources: { readonly limits: { readonly memory: string } };
}

/** As in our image and manifests. */
export async function shippedManager(): Promise<ShippedManager> {
  const deployment = (await render('manager')).find(({ kind }) => kind === 'Deployment')!;
  const container = (deployment['spec'] as DeploymentSpec).template.spec.containers[0]!;
  const options = container.env.find(({ name }) => name === 'NODE_OPTIONS')?.value;
  return {
    environment: { ...ALLOCATOR, ...(options === undefined ? {} : { NODE_OPTIONS: options }) },
    memoryLimit: container.resources.limits.memory,
  };
}
