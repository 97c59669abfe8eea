import type { Registry } from 'prom-client';
import { createBatcherMetrics } from '../src/agent/batcher/metrics.ts';
import { createLoggerMetrics } from '../src/agent/logger/metrics.ts';
import { addResidencyMetrics } from '../src/agent/residency/metrics.ts';
import type { ResidencyFigures } from '../src/agent/residency/residency.ts';
import { createAgentMetrics } from '../src/agent/status/metrics.ts';
import { createManagerMetrics } from '../src/manager/metrics.ts';
import { code, markdownTable, page } from './markdown.ts';

const NO_MODELS: ResidencyFigures = {
  counts: { hits: 0, misses: 0, loads: 0, evictions: 0, diskEvictions: 0, spared: new Map() },
  memory: { budget: 0, charged: 0, peak: 0, measured: 0, allowed: 0 },
  ...{ diskUsed: 0, waiting: 0, loaded: 0 },
};

/** Every metric of manager and agent, as their registries have them; what Node itself tells is left out. */
export async function metricsPage(): Promise<string> {
  const agent = createAgentMetrics(
    () => [],
    () => true,
  );
  createLoggerMetrics(agent.registry, () => ({ events: 0, bytes: 0 }));
  createBatcherMetrics(agent.registry);
  addResidencyMetrics(
    agent.registry,
    () => NO_MODELS,
    () => 'declared',
  );
  const manager = createManagerMetrics().registry;
  return page(
    'Metrics',
    'The manager serves them at `--metrics-port`, the agent at `--status-port`, both at `/metrics`. What to be woken up for is in [alerts](../alerts.md).',
    '## Of the manager',
    rowsOf(await manager.metrics(), /^mms_/, labelsOf(manager)),
    '## Of the agent',
    rowsOf(await agent.text(), /^kserve_mms_/, labelsOf(agent.registry)),
  );
}

function labelsOf(registry: Registry): ReadonlyMap<string, readonly string[]> {
  const metrics = registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly labelNames: readonly string[];
  }[];
  return new Map(metrics.map(({ name, labelNames }) => [name, labelNames]));
}

/** By the notation of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function rowsOf(text: string, wanted: RegExp, labels: ReadonlyMap<string, readonly string[]>): string {
  const kinds = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', kind = '']) => [name, kind]),
  );
  const helps = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(
    ([, name = '', help = '']) => [name, help] as const,
  );
  const rows = helps
    .filter(([name]) => wanted.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, help]) => {
      const its = labels.get(name) ?? [];
      const shown = its.filter((label) => label !== 'le').map(code);
      return [code(name), kinds.get(name) ?? '', shown.join(', '), help];
    });
  return markdownTable(['metric', 'kind', 'labels', 'meaning'], rows);
}
