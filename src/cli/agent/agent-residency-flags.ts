import { Option } from 'commander';
import { RESIDENCY_FLAG_DEFAULTS } from '../../agent/residency/settings.ts';
import { switchOption } from './agent-kserve-flags.ts';

/** The flags for models that sleep while they get no requests; KServe's agent has none of them. */
export function residencyOptions(): Option[] {
  return [
    new Option('--residency <always|on-demand>', 'which models stay in memory: all, or those in use').default(
      RESIDENCY_FLAG_DEFAULTS.residency,
    ),
    new Option('--memory-budget <quantity>', 'on-demand: what loaded models may take together'),
    new Option('--disk-budget <quantity>', 'on-demand: what downloaded models may take together'),
    new Option(
      '--wake-timeout-seconds <number>',
      'how long a request waits for its model, or for the model server',
    ).default(RESIDENCY_FLAG_DEFAULTS.wakeTimeoutSeconds),
    new Option(
      '--mlserver-metrics-url <url>',
      'on-demand: where MLServer has its metrics, which say how much memory it takes',
    ).default(RESIDENCY_FLAG_DEFAULTS.mlserverMetricsUrl),
    switchOption('--wait-while-server-is-away', 'let requests wait while the model server restarts'),
  ];
}
