import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { Milliseconds } from '../../lib/clock.ts';
import { parseDuration } from '../../lib/duration.ts';
import { topDocument, topModels } from './top-report.decide.ts';
import type { TopOrder, PodTraffic, TopModel } from './top-report.decide.ts';
import { withScopeFlags, withCluster } from '../cluster-connection.ts';
import type { ScopeFlags, ClusterConnection } from '../cluster-connection.ts';
import { newCommand } from '../io.ts';
import type { CommandIo } from '../io.ts';
import { objectArgument } from '../object-argument.ts';
import { outputOption, structured } from '../output.ts';
import type { OutputFormat } from '../output.ts';
import { nearNames } from '../near-names.decide.ts';
import { growthOf, NO_TRAFFIC } from '../../contract/model-traffic.ts';
import { shortBytes } from './short-bytes.decide.ts';
import { inferenceServiceOf } from '../../contract/trained-model.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import { residencyTable, residentServices } from './top-residency.decide.ts';
import { TRAINED_MODELS } from '../../kube/resources.ts';
import { systemClock } from '../../lib/system-clock.ts';
import { askTraffic } from './agent-traffic.ts';
import { listObjects } from '../cluster-snapshot.ts';
import { NoSuchNameError } from '../no-such-name.ts';
import { predictorPods } from '../predictor-pods.ts';
import { table } from '../table.ts';

interface TopFlags extends ScopeFlags {
  readonly output: OutputFormat;
  readonly headers: boolean;
  readonly sort: TopOrder;
  readonly over?: Milliseconds;
}

const ORDERS: readonly TopOrder[] = ['memory', 'requests', 'errors', 'latency', 'name'];

/** `mms top`: models by memory, requests and latency. */
export function topCommand(io: CommandIo): Command {
  return withScopeFlags(newCommand('top', io))
    .description('show models by memory, requests and latency')
    .addArgument(objectArgument('[inferenceservice...]', 'of these only', 'InferenceService'))
    .addOption(new Option('-s, --sort <order>', 'the largest first').choices(ORDERS).default('memory'))
    .addOption(
      new Option('--over <duration>', 'count for so long, instead of since the agents started').argParser(
        readSpan,
      ),
    )
    .addOption(outputOption(['table', 'json', 'yaml']))
    .option('--no-headers', 'leave out the headings of the table')
    .addHelpText(
      'after',
      `
MEMORY is what the TrainedModel declares. Requests and times come from the agents of all predictor pods, by way of the
API server, which needs the right to get pods/proxy. Where models sleep (kserve-mms/residency: on-demand) a second table
says how many are in memory, on standby and remote, and how many requests had to wait for their model. Pods that cannot
be asked are named on stderr; the rest is shown.

Examples:
  mms top
  mms top flowers --sort latency --over 30s
  mms top -A -o json`,
    )
    .action((services: readonly string[], flags: TopFlags) => showTop(io, services, flags));
}

function readSpan(text: string): Milliseconds {
  const span = parseDuration(text);
  if (span !== undefined && span > 0) return span;
  throw new InvalidArgumentError('It must be a span of time such as 30s or 5m.');
}

/** Pods that cannot be asked and are named; the others are counted. */
const PODS_NAMED = 5;

/** Prints models by memory, requests and latency, and says whose requests are not known. */
function showTop(io: CommandIo, services: readonly string[], flags: TopFlags): Promise<void> {
  const interrupted = io.interruption();
  return withCluster(flags, async (cluster) => {
    const all = await listObjects(cluster.client, TRAINED_MODELS, cluster.scope);
    const models = selectModels(all, services, cluster);
    const asked = new Set(models.map(inferenceServiceOf));
    const isAsked = (service: string | undefined): boolean => services.length === 0 || asked.has(service);
    const { traffic, overSeconds } = await countedTraffic(cluster, isAsked, flags, interrupted);
    const top = topModels(models, traffic, flags.sort);
    if (flags.output === 'table') {
      if (top.length === 0) io.stderr.write('there are no TrainedModels\n');
      else io.stdout.write(topTable(top, flags.allNamespaces === true, flags.headers));
      const resident = residentServices(traffic);
      if (resident.length > 0) {
        const { headings, rows } = residencyTable(resident, flags.allNamespaces === true);
        io.stdout.write(`\n${table(headings, rows, flags.headers)}`);
      }
      warnOfSilentPods(io, traffic);
      return;
    }
    const document = topDocument(top, traffic, overSeconds);
    io.stdout.write(structured(document, flags.output === 'yaml' ? 'yaml' : 'json'));
  });
}

/**
 * The models of these InferenceServices; all without a name. While an InferenceService of one model is being moved (`mms fold`), its
 * name is that of a TrainedModel, which is meant then.
 *
 * @throws {NoSuchNameError}
 */
function selectModels(
  all: readonly TrainedModel[],
  names: readonly string[],
  { scope }: ClusterConnection,
): readonly TrainedModel[] {
  if (names.length === 0) return all;
  const services = new Set(all.flatMap((model) => inferenceServiceOf(model) ?? []));
  const models = new Set(all.map(({ metadata }) => metadata.name));
  for (const name of names) {
    if (services.has(name) || models.has(name)) continue;
    const where = scope === undefined ? 'any namespace' : `namespace ${scope}`;
    const near = nearNames(name, services);
    throw new NoSuchNameError({ wanted: name, near }, where, 'InferenceService with models');
  }
  return all.filter((model) => {
    const service = inferenceServiceOf(model) ?? '';
    return (
      names.includes(service) || (names.includes(model.metadata.name) && !services.has(model.metadata.name))
    );
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
  const started = systemClock.monotonic();
  await systemClock.sleep(over, interrupted);
  const after = await askTraffic(client, pods);
  const overSeconds = (systemClock.monotonic() - started) / 1000;
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

function warnOfSilentPods(io: CommandIo, pods: readonly PodTraffic[]): void {
  const silent = pods.filter(({ models }) => models === undefined);
  for (const { namespace, pod, why = '' } of silent.slice(0, PODS_NAMED)) {
    io.stderr.write(`not counted: pod ${namespace}/${pod}: ${why}\n`);
  }
  if (silent.length > PODS_NAMED) io.stderr.write(`not counted: ${silent.length - PODS_NAMED} pods more\n`);
}
