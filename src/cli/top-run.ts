import { nearNames } from '../core/near-names.ts';
import { growthOf, NO_TRAFFIC } from '../core/model-traffic.ts';
import { shortBytes } from '../core/short-bytes.ts';
import type { PodTraffic, TopModel } from '../core/top-report.ts';
import { topDocument, topModels } from '../core/top-report.ts';
import { inferenceServiceOf } from '../core/trained-model.ts';
import { TRAINED_MODELS } from '../kube/resources.ts';
import { systemClock } from '../system/clock.ts';
import { askTraffic } from './agent-traffic.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import { withCluster } from './cluster-connection.ts';
import { listObjects } from './cluster-snapshot.ts';
import type { CommandIo } from './io.ts';
import { NoSuchNameError } from './no-such-name.ts';
import { structured } from './output.ts';
import { predictorPods } from './predictor-pods.ts';
import { table } from './table.ts';
import type { TopFlags } from './top.ts';

/** Pods that cannot be asked and are named; the others are counted. */
const PODS_NAMED = 5;

/** Prints models by memory, requests and latency, and says whose requests are not known. */
export function showTop(io: CommandIo, services: readonly string[], flags: TopFlags): Promise<void> {
  const interrupted = io.interruption();
  return withCluster(flags, async (cluster) => {
    const all = await listObjects(cluster.client, TRAINED_MODELS, cluster.scope);
    const known = all.flatMap((model) => inferenceServiceOf(model) ?? []);
    const wanted = new Set(services);
    for (const name of wanted) {
      if (known.includes(name)) continue;
      const where = cluster.scope === undefined ? 'any namespace' : `namespace ${cluster.scope}`;
      throw new NoSuchNameError(
        { wanted: name, near: nearNames(name, known) },
        where,
        'InferenceService with models',
      );
    }
    const isWanted = (service: string | undefined): boolean => wanted.size === 0 || wanted.has(service ?? '');
    const { traffic, overSeconds } = await countedTraffic(cluster, isWanted, flags, interrupted);
    const models = all.filter((model) => isWanted(inferenceServiceOf(model)));
    const top = topModels(models, traffic, flags.sort);
    if (flags.output === 'table') {
      if (top.length === 0) io.stderr.write('there are no TrainedModels\n');
      else io.stdout.write(topTable(top, flags.allNamespaces === true, flags.headers));
      tellOfTheSilent(io, traffic);
      return;
    }
    const document = topDocument(top, traffic, overSeconds);
    io.stdout.write(structured(document, flags.output === 'yaml' ? 'yaml' : 'json'));
  });
}

interface CountedTraffic {
  readonly traffic: readonly PodTraffic[];
  /** Undefined: since the agents started. */
  readonly overSeconds: number | undefined;
}

/** Ctrl-C ends the counting early; what was counted until then is shown. */
async function countedTraffic(
  { client, scope }: ClusterConnection,
  isWanted: (service: string | undefined) => boolean,
  { over }: TopFlags,
  interrupted: AbortSignal,
): Promise<CountedTraffic> {
  const pods = (await predictorPods({ client, namespace: scope })).filter(({ inferenceService }) =>
    isWanted(inferenceService),
  );
  const before = await askTraffic(client, pods);
  if (over === undefined) return { traffic: before, overSeconds: undefined };
  const started = systemClock.now();
  await systemClock.sleep(over, interrupted);
  const after = await askTraffic(client, pods);
  const overSeconds = (systemClock.now() - started) / 1000;
  return { traffic: after.map((now, index) => grown(now, before[index])), overSeconds };
}

function grown(now: PodTraffic, before: PodTraffic | undefined): PodTraffic {
  if (now.models === undefined || before?.models === undefined) return now;
  const then = before.models;
  const models = [...now.models].map(
    ([model, traffic]) => [model, growthOf(then.get(model) ?? NO_TRAFFIC, traffic)] as const,
  );
  return { ...now, models: new Map(models) };
}

function topTable(models: readonly TopModel[], namespaces: boolean, headers: boolean): string {
  const headings = [
    'MODEL',
    'INFERENCESERVICE',
    'MEMORY',
    'REQUESTS',
    'ERRORS',
    'MEAN',
    'P50',
    'P99',
    'PODS',
  ];
  const rows = models.map((model) => {
    const { name, inferenceService, memory, requests, errors, pods } = model;
    const counts = pods.told === 0 ? ['-', '-'] : [String(requests), String(errors)];
    return [
      ...(namespaces ? [model.namespace] : []),
      ...[name, inferenceService ?? '-', memory === undefined ? '-' : shortBytes(memory), ...counts],
      ...[model.meanMs, model.p50Ms, model.p99Ms].map(shortTime),
      `${pods.told}/${pods.total}`,
    ];
  });
  return table(namespaces ? ['NAMESPACE', ...headings] : headings, rows, headers);
}

/** Three figures: `0.85ms`, `12ms`, `1.2s`. */
function shortTime(ms: number | undefined): string {
  if (ms === undefined) return '-';
  return ms < 1000 ? `${Number(ms.toPrecision(2))}ms` : `${Number((ms / 1000).toPrecision(2))}s`;
}

function tellOfTheSilent(io: CommandIo, pods: readonly PodTraffic[]): void {
  const silent = pods.filter(({ models }) => models === undefined);
  for (const { namespace, pod, why = '' } of silent.slice(0, PODS_NAMED)) {
    io.stderr.write(`not counted: pod ${namespace}/${pod}: ${why}\n`);
  }
  if (silent.length > PODS_NAMED) io.stderr.write(`not counted: ${silent.length - PODS_NAMED} pods more\n`);
}
