import { type Clock, seconds } from '../../lib/clock.ts';
import type { Registry } from 'prom-client';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Residency } from '../../contract/residency.ts';
import type { ResidencyFileReading } from '../config/config-watcher.ts';
import type { MemorySource } from '../../contract/agent-status.ts';
import type { ModelServerAdapter } from '../model-server/adapter.ts';
import { addResidencyMetrics, type ResidencyMetrics } from './metrics.ts';
import { readHeat, writeHeat } from './heat-file.ts';
import { createResidency, type ModelResidency } from './residency.ts';
import type { ResidencySettings } from './settings.ts';

/**
 * How often the process is measured while models load and unload. After this many times as long it is always measured.
 */
const MEASURE = { every: seconds(1), atLeastEach: 10 };

/** How often the hottest models are recorded, if anything has changed. */
const REMEMBER_EVERY = seconds(5);

interface ResidencyStart {
  readonly settings: ResidencySettings;
  readonly modelDir: string;
  readonly adapter: ModelServerAdapter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly consider: (names: Iterable<string>) => void;
  readonly settled: () => void;
  /** Residency is on-demand, and memory is managed accordingly. */
  readonly measuredBy: (source: MemorySource) => void;
  /** Residency is on-demand for the first time. */
  readonly turnedOn: () => void;
  readonly registry: Registry;
}

export interface RunningResidency extends ModelResidency {
  /** Applies what was read of residency.json. */
  read(reading: ResidencyFileReading): void;
}

/** Starts with the flags, and with what an earlier agent recorded. */
export async function startResidency(
  {
    settings,
    modelDir,
    adapter,
    clock,
    log,
    consider,
    settled,
    measuredBy,
    turnedOn,
    registry,
  }: ResidencyStart,
  signal: AbortSignal,
): Promise<RunningResidency> {
  let metrics: ResidencyMetrics | undefined;
  let source: MemorySource = 'declared';
  const residency = createResidency({
    ...settings,
    ...{ clock, consider, settled, stopping: signal },
    remembered: await readHeat(modelDir),
    measure: async () => {
      if (!residency.isOnDemand()) return undefined;
      const reading = await adapter.memory();
      measuredBy((source = reading?.source ?? 'declared'));
      return reading?.bytes;
    },
    waited: (took, outcome) =>
      metrics?.waited(took, outcome.kind === 'refused' ? outcome.reason : outcome.kind),
  });
  const configure = (next: Residency): void => {
    residency.configure(next);
    if (next.kind === 'always' || metrics !== undefined) return;
    // With residency always, which does not use them, there are none.
    metrics = addResidencyMetrics(registry, residency.figures, () => source);
    turnedOn();
  };
  configure(flagged(settings));
  void measureNow(residency, clock, signal);
  void rememberHeat(residency, { modelDir, clock, log }, signal);
  return {
    ...residency,
    read: (reading) => {
      if (reading.kind === 'bad') {
        log.error({}, `${reading.message}; residency stays as before`);
        return;
      }
      configure(reading.kind === 'none' ? flagged(settings) : completed(reading.residency, settings));
    },
  };
}

function flagged({ kind, memoryBudget, diskBudget }: ResidencySettings): Residency {
  return kind === 'always' ? { kind } : { kind, memoryBudget, diskBudget, pinned: new Set() };
}

/** Flags apply to whatever the document does not set. */
function completed(residency: Residency, { memoryBudget, diskBudget }: ResidencySettings): Residency {
  if (residency.kind === 'always') return residency;
  return {
    ...residency,
    memoryBudget: residency.memoryBudget ?? memoryBudget,
    diskBudget: residency.diskBudget ?? diskBudget,
  };
}

async function measureNow(residency: ModelResidency, clock: Clock, signal: AbortSignal): Promise<void> {
  let measuredAt = -1;
  for (let turn = 0; !signal.aborted; turn++) {
    await clock.sleep(MEASURE.every, signal);
    const { loads } = residency.figures().counts;
    if (!residency.isOnDemand() || (loads === measuredAt && turn % MEASURE.atLeastEach !== 0)) continue;
    measuredAt = loads;
    await residency.measure();
  }
}

async function rememberHeat(
  residency: ModelResidency,
  { modelDir, clock, log }: Pick<ResidencyStart, 'modelDir' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  let written = -1;
  while (!signal.aborted) {
    await clock.sleep(REMEMBER_EVERY, signal);
    const { hits, misses } = residency.figures().counts;
    if (!residency.isOnDemand() || hits + misses === written) continue;
    try {
      await writeHeat(modelDir, residency.remember());
      written = hits + misses;
    } catch (thrown) {
      log.warn({ error: messageOf(thrown) }, 'could not record which models are used most');
    }
  }
}
