import { readBudget, type ResidencyBudgets } from '../../contract/residency.ts';
import { type Milliseconds, seconds } from '../../lib/clock.ts';

/** The flags of residency, as text. They are our own: KServe's agent has none of them. */
export interface ResidencyFlags {
  readonly residency: string;
  readonly memoryBudget?: string | undefined;
  readonly diskBudget?: string | undefined;
  readonly wakeTimeoutSeconds: string;
  readonly waitWhileServerIsAway: boolean;
  readonly mlserverMetricsUrl: string;
}

/** The checked flags of residency. residency.json takes precedence if it exists. */
export interface ResidencySettings extends ResidencyBudgets {
  readonly kind: 'always' | 'on-demand';
  /** How long a request waits for its model. */
  readonly wakeTimeout: Milliseconds;
  /** Whether requests wait while the model server is down, also with residency `always`. */
  readonly waitWhileServerIsAway: boolean;
  /** Where MLServer reports its memory. */
  readonly mlserverMetricsUrl: URL;
}

export const RESIDENCY_FLAG_DEFAULTS = {
  residency: 'always',
  wakeTimeoutSeconds: '60',
  waitWhileServerIsAway: false,
  mlserverMetricsUrl: 'http://127.0.0.1:8082',
} as const;

const LONGEST_WAIT = 3_600;

/** Checks the flags of residency and appends each fault to the list. */
export function readResidencyFlags(flags: ResidencyFlags, faults: string[]): ResidencySettings {
  const { residency, wakeTimeoutSeconds: wait } = flags;
  if (residency !== 'always' && residency !== 'on-demand')
    faults.push(`--residency ${JSON.stringify(residency)} is neither always nor on-demand`);
  const budget = (flag: string, text: string | undefined) => {
    const amount = text === undefined ? undefined : readBudget(text);
    if (text !== undefined && amount === undefined)
      faults.push(`--${flag} ${JSON.stringify(text)} is not a quantity of bytes above 0, such as 2Gi`);
    return amount;
  };
  const isWait = /^\d{1,4}$/.test(wait) && Number(wait) >= 1 && Number(wait) <= LONGEST_WAIT;
  if (!isWait)
    faults.push(
      `--wake-timeout-seconds ${JSON.stringify(wait)} is not a whole number from 1 to ${LONGEST_WAIT}`,
    );
  const url = flags.mlserverMetricsUrl;
  const metrics = URL.canParse(url) ? new URL(url) : undefined;
  if (metrics?.protocol !== 'http:')
    faults.push(`--mlserver-metrics-url ${JSON.stringify(url)} is not a URL like http://127.0.0.1:8082`);
  return {
    mlserverMetricsUrl: metrics ?? new URL(RESIDENCY_FLAG_DEFAULTS.mlserverMetricsUrl),
    kind: residency === 'on-demand' ? 'on-demand' : 'always',
    memoryBudget: budget('memory-budget', flags.memoryBudget),
    diskBudget: budget('disk-budget', flags.diskBudget),
    wakeTimeout: seconds(isWait ? Number(wait) : 1),
    waitWhileServerIsAway: flags.waitWhileServerIsAway,
  };
}
