import { ALLOCATOR } from '../../src/agent/puller/allocator.decide.ts';
import { render } from './rendered.ts';

/** The manager's container, as far as it bears on what the process costs. */
export interface ShippedManager {
  /** What the image and the Deployment set. */
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

/** As our image and our manifests start it. */
export async function shippedManager(): Promise<ShippedManager> {
  const deployment = (await render('manager')).find(({ kind }) => kind === 'Deployment')!;
  const container = (deployment['spec'] as DeploymentSpec).template.spec.containers[0]!;
  const options = container.env.find(({ name }) => name === 'NODE_OPTIONS')?.value;
  return {
    environment: { ...ALLOCATOR, ...(options === undefined ? {} : { NODE_OPTIONS: options }) },
    memoryLimit: container.resources.limits.memory,
  };
}
