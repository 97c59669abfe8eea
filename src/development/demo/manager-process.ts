import type { Clock } from '../../lib/clock.ts';
import { startServerChild } from './child-process.ts';
import type { ServerChild } from './child-process.ts';

/** `mms manager --local`, as a user would start it. */
export interface ManagerProcess extends ServerChild {
  /** http://127.0.0.1:PORT/metrics */
  readonly metricsUrl: string;
}

interface ManagerProcessOptions {
  /** The launcher, bin/mms.js. */
  readonly launcher: string;
  readonly kubeconfig: string;
  readonly ports: { readonly webhook: number; readonly metrics: number; readonly health: number };
  readonly logFile: string;
  readonly pidFile?: string;
  readonly clock: Clock;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** Starts it and resolves once it is ready: caches synced, webhook registered, certificate served. */
export async function startManagerProcess(options: ManagerProcessOptions): Promise<ManagerProcess> {
  const { launcher, kubeconfig, ports, logFile, pidFile, clock, args = [] } = options;
  const child = await startServerChild({
    ...{ what: 'the manager', logFile, clock, ...(pidFile !== undefined && { pidFile }) },
    command: process.execPath,
    args: [
      ...[launcher, 'manager', '--local', '--kubeconfig', kubeconfig],
      ...['--webhook-port', String(ports.webhook)],
      ...['--metrics-port', String(ports.metrics)],
      ...['--health-port', String(ports.health)],
      ...args,
    ],
    readyUrl: `http://127.0.0.1:${ports.health}/readyz`,
  });
  return { ...child, metricsUrl: `http://127.0.0.1:${ports.metrics}/metrics` };
}
