import { age } from '../../lib/age.ts';
import type { EpochMs } from '../../lib/clock.ts';
import type { ClusterOverview, ServiceOverview } from './cluster-overview.decide.ts';
import { isOnItsWay } from './model-overview.decide.ts';
import type { ModelOverview } from './model-overview.decide.ts';
import { briefly, isAtHand } from '../../contract/model-loaded.ts';
import { memoryBar, shortBytes } from '../top/short-bytes.decide.ts';
import type { Colour } from '../output.ts';
import { table } from '../table.ts';

export interface StatusView {
  /** More columns. */
  readonly wide: boolean;
  /** Models as well, not the InferenceServices alone. */
  readonly models: boolean;
  /** A column for the namespace. */
  readonly namespaces: boolean;
  readonly paint: (colour: Colour, text: string) => string;
  readonly now: EpochMs;
}

/** One table as rows, each under a key that stays while its object does. */
export interface Rows {
  readonly headings: readonly string[];
  readonly rows: ReadonlyMap<string, readonly string[]>;
}

/** The tables to show, without those that would be empty. */
export function statusTables({ inferenceServices, models }: ClusterOverview, view: StatusView): Rows[] {
  const tables: Rows[] = [];
  if (inferenceServices.length > 0) tables.push(serviceRows(inferenceServices, view));
  if (view.models && models.length > 0) tables.push(modelRows(models, view));
  return tables;
}

/** The tables as text, one under another. */
export function tablesText(tables: readonly Rows[], headers = true): string {
  return tables.map(({ headings, rows }) => table(headings, [...rows.values()], headers)).join('\n');
}

/** As `kubectl get -o name` has them. */
export function namesText({ inferenceServices, models }: ClusterOverview, withModels: boolean): string {
  const services = inferenceServices
    .filter(({ found }) => found)
    .map(({ name }) => `inferenceservice.${GROUP}/${name}`);
  const trained = withModels ? models.map(({ name }) => `trainedmodel.${GROUP}/${name}`) : [];
  return [...services, ...trained].map((name) => `${name}\n`).join('');
}

const GROUP = 'serving.kserve.io';

function serviceRows(services: readonly ServiceOverview[], view: StatusView): Rows {
  const { paint, now, wide } = view;
  const anySleep = services.some(({ models }) => models.standby !== undefined);
  const rows = services.map((service): [string, string[]] => {
    const { name, found, multiModel, why, replicas, models, memory, created } = service;
    const cells = [
      name,
      multiModel ? 'yes' : found ? 'no' : '-',
      found ? readiness(service, view) : '-',
      counted(replicas.ready, replicas.total, view),
      counted(models.loaded, models.total, view),
      ...(anySleep ? [models.standby === undefined ? '-' : String(models.standby)] : []),
      models.failed === 0 ? '0' : paint('red', String(models.failed)),
      multiModel ? memoryBar(memory.used, memory.limit) : '-',
      found ? age(created, now) : '-',
      ...(wide ? [shortBytes(memory.declared), found ? why : paint('red', why), service.notReady] : []),
      ...(wide ? [] : [note(service, view)]),
    ];
    return [`inferenceservice/${service.namespace}/${name}`, inNamespace(service.namespace, cells, view)];
  });
  const headings = [
    'INFERENCESERVICE',
    'MULTI-MODEL',
    'READY',
    'REPLICAS',
    'LOADED',
    ...(anySleep ? ['STANDBY'] : []),
    'FAILED',
    'MEMORY',
    'AGE',
  ];
  headings.push(...(wide ? ['DECLARED', 'WHY', 'NOT READY'] : ['NOTE']));
  return { headings: inNamespace('NAMESPACE', headings, view), rows: new Map(rows) };
}

function modelRows(models: readonly ModelOverview[], view: StatusView): Rows {
  const { paint, now, wide } = view;
  const rows = models.map((model): [string, string[]] => {
    const { name, inferenceService, ready, phase, replicas, memory, message, created, url } = model;
    const cells = [
      name,
      inferenceService ?? '-',
      ready === 'True' ? paint('green', ready) : paint(ready === 'False' ? 'red' : 'yellow', ready),
      paint(colourOf(phase), phase),
      counted(replicas.loaded, replicas.total, view),
      memory === undefined ? '-' : shortBytes(memory),
      age(created, now),
      ...(wide ? [url ?? '-'] : []),
      wide ? message : cut(briefly(message)),
    ];
    return [`trainedmodel/${model.namespace}/${name}`, inNamespace(model.namespace, cells, view)];
  });
  const headings = ['MODEL', 'INFERENCESERVICE', 'READY', 'PHASE', 'LOADED', 'MEMORY', 'AGE'];
  headings.push(...(wide ? ['URL', 'MESSAGE'] : ['MESSAGE']));
  return { headings: inNamespace('NAMESPACE', headings, view), rows: new Map(rows) };
}

/** A line of a terminal is no place for a whole report; `-o wide` shows it. */
const MESSAGE_SHOWN = 72;

function cut(message: string): string {
  return message.length <= MESSAGE_SHOWN ? message : `${message.slice(0, MESSAGE_SHOWN - 1)}…`;
}

function inNamespace(namespace: string, cells: string[], { namespaces }: StatusView): string[] {
  return namespaces ? [namespace, ...cells] : cells;
}

/** As its condition says; by its pods where it has none, and blank, as kubectl has it, where none of them is ready. */
function readiness({ readyCondition, ready }: ServiceOverview, { paint }: StatusView): string {
  const shown = readyCondition ?? (ready ? 'True' : '');
  if (shown === '') return '';
  return paint(shown === 'True' ? 'green' : shown === 'False' ? 'red' : 'yellow', shown);
}

/** What there is to know of it in one line: why it is not multi-model, or else why it is not ready. */
function note({ found, multiModel, why, notReady }: ServiceOverview, { paint }: StatusView): string {
  if (!found) return paint('red', why);
  if (!multiModel) return why;
  return notReady === '' ? '' : paint('red', cut(notReady));
}

function counted(done: number, all: number, { paint }: StatusView): string {
  return done < all ? paint('yellow', `${done}/${all}`) : `${done}/${all}`;
}

function colourOf(phase: string): Colour {
  if (isAtHand(phase)) return 'green';
  return isOnItsWay(phase) ? 'yellow' : 'red';
}
