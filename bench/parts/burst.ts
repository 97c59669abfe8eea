import { setTimeout as sleep } from 'node:timers/promises';
import { auditLog } from '../../test/support/audit-log.ts';
import type { AuditedWrite } from '../../test/support/audit-log.ts';
import { modelNames } from '../../test/support/cluster-client.ts';
import { inParallel } from '../../test/support/parallel.ts';
import { alternate } from '../bench-run.ts';
import type { BenchRun, Part } from '../bench-run.ts';
import { INDEX, SERVICE, sevenDigits } from '../load/job.ts';
import { apiServerJob, runCaller } from '../load/run-caller.ts';
import { startBenchCluster, USER_AGENTS } from '../managers.ts';
import type { BenchCluster } from '../managers.ts';
import { cpuSeconds } from '../../test/support/process-cpu.ts';
import { peakMib } from '../../test/support/process-memory.ts';
import * as names from '../report/figure-names.ts';
import type { Burst } from '../report/figure-names.ts';
import { PROGRAMS } from '../report/results.ts';
import type { Program, Sample } from '../report/results.ts';

const CALLERS = 16;
const SAY_EVERY_MS = 15_000;
/** KServe's manager takes about 220 s for 1,000. */
const LIMIT_MS_A_MODEL = 600;
const LEAST_LIMIT_MS = 120_000;

/** The time for TrainedModels created at once until models.json holds all. */
export const burst: Part = async (run) => {
  const { rounds, both, once, oursAlone } = run.plan.burst;
  for (const size of both) await alternate(PROGRAMS, rounds, (manager) => measure(run, manager, size));
  for (const size of once) await alternate(PROGRAMS, 1, (manager) => measure(run, manager, size));
  for (const size of oursAlone) await alternate(['ours'], rounds, (manager) => measure(run, manager, size));
};

async function measure({ record, say }: BenchRun, manager: Program, size: Burst): Promise<void> {
  const audit = await auditLog('requests');
  const cluster = await startBenchCluster(manager, { apiServerFlags: audit.flags });
  try {
    await makePredictors(cluster, size.services);
    const before = (await audit.writes()).length;
    const outcome = await timeBurst(cluster, size, (line) => say(`${manager}: ${line}`));
    const requests = (await audit.writes())
      .slice(before)
      .filter(({ userAgent }) => USER_AGENTS[manager].test(userAgent));
    const sample = { ...outcome, ...requestFigures(requests, size) };
    record(manager, sample);
    say(`${manager}: ${names.burstTime(size)}: ${sample[names.burstTime(size)]?.toFixed(2)}`);
  } finally {
    await cluster.stop();
    await audit.remove();
  }
}

const serviceName = (index: number): string => `b-${sevenDigits(index)}`;

export async function makePredictors({ predictor }: BenchCluster, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, index) => serviceName(index));
  await inParallel(CALLERS, all, predictor);
}

/** Creates the models and waits until all are in models.json. */
export async function timeBurst(
  cluster: BenchCluster,
  size: Burst,
  say: (line: string) => void,
): Promise<Sample> {
  const { controlPlane, managerPid } = cluster;
  const cpuBefore = await cpuSeconds(managerPid);
  const startedAt = performance.now();
  const created = runCaller({
    ...(await apiServerJob(controlPlane)),
    ...{ path: '/apis/serving.kserve.io/v1alpha1/namespaces/default/trainedmodels', body: modelBody() },
    ...{ connections: CALLERS, count: size.models, services: size.services },
  });
  const [{ failures, statuses, requests, perSecond }, complete] = await Promise.all([
    created,
    allConfigured(cluster, size, say),
  ]);
  if (failures > 0) throw new Error(`TrainedModels were refused: ${JSON.stringify(statuses)}`);
  return {
    [names.burstTime(size)]: (complete - startedAt) / 1_000,
    [names.burstCreation(size)]: requests / perSecond,
    [names.burstCpu(size)]: (await cpuSeconds(managerPid)) - cpuBefore,
    [names.burstPeak(size)]: await peakMib(managerPid),
  };
}

function modelBody(): string {
  const name = `m-${INDEX}`;
  const model = { storageUri: `s3://bucket/${name}`, framework: 'sklearn', memory: '1Mi' };
  return JSON.stringify({
    ...{ apiVersion: 'serving.kserve.io/v1alpha1', kind: 'TrainedModel' },
    ...{ metadata: { name, namespace: 'default' }, spec: { inferenceService: `b-${SERVICE}`, model } },
  });
}

/**
 * Resolves with the time when the last was seen. Polls less often the longer it takes, to cost the API server little.
 */
async function allConfigured(
  { client }: BenchCluster,
  { models, services }: Burst,
  say: (line: string) => void,
): Promise<number> {
  const startedAt = performance.now();
  const limit = Math.max(LEAST_LIMIT_MS, models * LIMIT_MS_A_MODEL);
  const complete = new Set<number>();
  for (let said = startedAt, seen = 0; ;) {
    for (let index = 0; index < services; index += 1) {
      if (complete.has(index)) continue;
      const found = (await modelNames(client, serviceName(index)))?.length ?? 0;
      if (found !== shareOf(index, models, services)) {
        seen = found;
        break;
      }
      complete.add(index);
    }
    const now = performance.now();
    if (complete.size === services) return now;
    if (now - startedAt > limit) return Infinity;
    if (now - said > SAY_EVERY_MS) {
      const seconds = Math.round((now - startedAt) / 1_000);
      say(`  … ${seconds} s: ${complete.size} of ${services} models.json complete, the next has ${seen}`);
      said = now;
    }
    await sleep(Math.max(20, (now - startedAt) / 50));
  }
}

/** The number of models of a service: the caller distributes them by number modulo the services. */
function shareOf(index: number, models: number, services: number): number {
  return Math.floor(models / services) + (index < models % services ? 1 : 0);
}

function requestFigures(requests: readonly AuditedWrite[], size: Burst): Sample {
  const writes = requests.filter(
    ({ resource, verb }) => resource === 'configmaps' && ['create', 'update', 'patch'].includes(verb),
  );
  const bytes = writes.reduce((sum, write) => sum + write.size, 0);
  return {
    [names.burstWrites(size)]: writes.length,
    [names.burstBytes(size)]: bytes / 1_000,
    [names.burstRequests(size)]: requests.length,
  };
}
