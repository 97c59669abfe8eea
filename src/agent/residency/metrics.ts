import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { MemorySource } from '../../contract/agent-status.ts';
import type { Milliseconds } from '../../lib/clock.ts';
import { WHAT_IF_TIMES } from './residency.decide.ts';
import type { ResidencyFigures } from './residency.ts';

const PREFIX = 'kserve_mms_agent';
/** Seconds: from a small model to a download of minutes. */
const WAIT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export interface ResidencyMetrics {
  /** A request has waited for its model. `outcome` is `loaded`, `removed`, or the reason of the refusal. */
  readonly waited: (took: Milliseconds, outcome: string) => void;
}

/** Adds the metrics of sleeping models to the agent's. `figures` is read at each scrape. */
export function addResidencyMetrics(
  registry: Registry,
  figures: () => ResidencyFigures,
  source: () => MemorySource,
): ResidencyMetrics {
  const registers = [registry];
  const waits = new Histogram({
    name: `${PREFIX}_cold_start_seconds`,
    help: 'How long requests waited for models that were not in memory',
    labelNames: ['outcome'] as const,
    buckets: WAIT_BUCKETS,
    registers,
  });
  const gauge = (name: string, help: string, read: (now: ResidencyFigures) => number | undefined) =>
    new Gauge({
      name: `${PREFIX}_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        const value = read(figures());
        if (value !== undefined) this.set(value);
        else this.remove();
      },
    });
  gauge('resident_models', 'Models in memory', ({ loaded }) => loaded);
  gauge('waiting_requests', 'Requests that wait for their models', ({ waiting }) => waiting);
  gauge('memory_budget_bytes', 'Memory that models may take', ({ memory }) => memory.budget);
  gauge('memory_allowed_bytes', 'The memory budget after measurements', ({ memory }) =>
    Number.isFinite(memory.allowed) ? memory.allowed : undefined,
  );
  gauge('resident_declared_bytes', 'Declared memory of the models in memory', ({ memory }) => memory.charged);
  gauge(
    'resident_declared_peak_bytes',
    'The maximum declared memory of the models in memory since the model server started',
    ({ memory }) => memory.peak,
  );
  gauge(
    'resident_measured_bytes',
    'Memory of the model server beyond its memory without models; absent if it is not reported',
    ({ memory }) => memory.measured,
  );
  addSource(registers, source);
  gauge('disk_used_bytes', 'Disk space of the files of all models', ({ diskUsed }) => diskUsed);
  addCounts(registers, figures);
  return { waited: (took, outcome) => waits.observe({ outcome }, took / 1000) };
}

function addSource(registers: Registry[], source: () => MemorySource): void {
  new Gauge({
    name: `${PREFIX}_memory_source`,
    help: 'How the memory of the model server is known: from the server, from the kernel, or only from what models declare',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset();
      this.set({ source: source() }, 1);
    },
  });
}

function addCounts(registers: Registry[], figures: () => ResidencyFigures): void {
  const count = (name: string, help: string, read: (now: ResidencyFigures['counts']) => number) =>
    new Counter({
      name: `${PREFIX}_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(figures().counts));
      },
    });
  count('residency_hits_total', 'Requests that found their model in memory', ({ hits }) => hits);
  count('residency_misses_total', 'Requests that had to wait for their model', ({ misses }) => misses);
  new Counter({
    name: `${PREFIX}_residency_spared_misses_total`,
    help: 'Requests that had to wait, and would not have with this many times the memory budget',
    labelNames: ['budget'],
    registers,
    collect() {
      this.reset();
      const { spared } = figures().counts;
      for (const times of WHAT_IF_TIMES) this.inc({ budget: String(times) }, spared.get(times) ?? 0);
    },
  });
  count('evictions_total', 'Unloads that made room for other models', ({ evictions }) => evictions);
  count(
    'disk_evictions_total',
    'Models whose files were removed to make room',
    ({ diskEvictions }) => diskEvictions,
  );
}
