import type { Command } from 'commander';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf, MmsError } from '../lib/errors.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { withAdvice } from './cluster-advice.ts';
import { systemClock } from '../lib/system-clock.ts';
import { userAgent } from './version.ts';

/** What client-node falls back to where it finds no configuration at all. Source: its config.ts, loadFromDefault. */
const MADE_UP_SERVER = 'http://localhost:8080';

/** The kubeconfig is missing, unreadable, or names no cluster. */
export class KubeconfigError extends MmsError {
  readonly code = 'KUBECONFIG';
  readonly retryable = false;
}

/** As kubectl's flags of the same names. */
export interface ConnectionFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

export interface ScopeFlags extends ConnectionFlags {
  readonly allNamespaces?: boolean;
}

/** A cluster to read from and write to, for as long as one command runs. */
export interface ClusterConnection {
  readonly client: ApiClient;
  /** `--namespace`, else that of the kubeconfig's context, else `default`; undefined: all of them were asked for. */
  readonly scope: string | undefined;
  /** The namespace in which a single object is looked for. */
  readonly namespace: string;
  /** The address of the API server, for messages. */
  readonly server: string;
}

/** Gives a command kubectl's own flags for which cluster and namespace it speaks of. */
export function withConnectionFlags(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'the cluster (default: KUBECONFIG, ~/.kube/config, or the one it runs in)')
    .option('--context <name>', 'the context of the kubeconfig (default: its current one)')
    .option('-n, --namespace <name>', "the namespace (default: the context's)");
}

/** The same, for commands that can look at every namespace. */
export function withScopeFlags(command: Command): Command {
  return withConnectionFlags(command).option('-A, --all-namespaces', 'every namespace');
}

/**
 * Runs `use` with a connection, which is closed afterwards however it ends.
 *
 * @param warn called with each warning of the API server and its webhooks
 * @throws {KubeconfigError} before anything is asked of the cluster; ApiError and what `use` throws
 */
export async function withCluster<T>(
  flags: ScopeFlags,
  use: (cluster: ClusterConnection) => Promise<T>,
  warn?: (warning: string) => void,
): Promise<T> {
  const config = await loadKubeConfig(flags.kubeconfig, flags.context);
  const { createApiClient } = await import('../kube/api-client.ts');
  const client = createApiClient(config, {
    ...{ clock: systemClock, userAgent: userAgent() },
    ...(warn !== undefined && { warn }),
  });
  const namespace = flags.namespace ?? namespaceOf(config);
  const scope = flags.allNamespaces === true ? undefined : namespace;
  const server = config.getCurrentCluster()?.server ?? '';
  try {
    return await use({ client, scope, namespace, server });
  } catch (thrown) {
    throw withAdvice(thrown, server);
  } finally {
    await client.close();
  }
}

function namespaceOf(config: KubeConfig): string {
  return config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
}

/**
 * The kubeconfig of that file; without one, of KUBECONFIG, ~/.kube/config, or the service account of the pod this runs in.
 *
 * @throws {KubeconfigError} when it is missing, unreadable, or names no cluster
 */
export async function loadKubeConfig(file?: string, context?: string): Promise<KubeConfig> {
  const { KubeConfig: Config } = await import('./kube-config.ts');
  const config = new Config();
  const which = file ?? 'of KUBECONFIG or ~/.kube/config';
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (thrown) {
    throw new KubeconfigError(
      `cannot use the kubeconfig ${which}: ${messageOf(thrown)}; name another with --kubeconfig or KUBECONFIG`,
      { cause: thrown },
    );
  }
  if (file === undefined && config.getCurrentCluster()?.server === MADE_UP_SERVER) {
    throw new KubeconfigError(
      'there is no cluster to talk to: this is no pod with a service account, and neither KUBECONFIG nor ~/.kube/config ' +
        'is there; name a file with --kubeconfig, or start a cluster with: mms cluster up',
    );
  }
  if (context !== undefined) choose(config, context);
  if (config.getCurrentCluster() !== null) return config;
  throw new KubeconfigError(
    `the kubeconfig ${which} has no current context with a cluster; ` +
      'name another file with --kubeconfig, or start a cluster with: mms cluster up',
  );
}

function choose(config: KubeConfig, context: string): void {
  const known = config.getContexts().map(({ name }) => name);
  if (!known.includes(context)) {
    throw new KubeconfigError(
      `the kubeconfig has no context ${JSON.stringify(context)}; it has: ${known.join(', ') || 'none'}`,
    );
  }
  config.setCurrentContext(context);
}
