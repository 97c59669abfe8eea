import type { ModelReplica, ServiceReplica } from '../page-documents.decide.ts';
import { element, keptRows, setAttribute, setText, show } from './elements.ts';
import type { Row } from './elements.ts';
import type { Part } from './parts.ts';
import { cells, table } from './table.ts';
import { bytesText, countText, hitsText, requestsText, residentText } from './words.ts';

interface Replicas<T> {
  readonly total: number;
  readonly shown: readonly T[];
}

const POD = { title: 'Predictor pod', class: 'name' } as const;
const READY = { title: 'Ready', class: 'state' } as const;
const REQUESTS = { title: 'Requests', class: 'requests' } as const;
const OF_A_SERVICE = [POD, READY, { title: 'Models', class: 'models' }, REQUESTS] as const;
const IN_MEMORY = [
  { title: 'In memory', class: 'resident' },
  { title: 'Found there', class: 'hits' },
] as const;
const OF_A_MODEL = [
  ...[POD, READY, { title: 'Phase', class: 'state' }, { title: 'On disk', class: 'size' }],
  REQUESTS,
] as const;

/** The pods of an InferenceService. Models in memory are shown only where models may be asleep. */
export function serviceReplicas(): Part<Replicas<ServiceReplica>> {
  const plain = replicaTable<ServiceReplica>(
    'Predictor pods of this InferenceService',
    OF_A_SERVICE,
    serviceCells,
  );
  const columns = [...OF_A_SERVICE, ...IN_MEMORY];
  const withMemory = replicaTable<ServiceReplica>(
    'Predictor pods of this InferenceService, and what they have in memory',
    columns,
    (row) => [...serviceCells(row), ...memoryCells(row)],
  );
  return {
    element: element('div', {}, plain.element, withMemory.element),
    update(replicas) {
      const isOnDemand = replicas.shown.some(({ residency }) => residency !== null);
      plain.update(isOnDemand ? NONE : replicas);
      withMemory.update(isOnDemand ? replicas : NONE);
    },
  };
}

/** The pods of an InferenceService, with the state of one model on each. */
export function modelReplicas(): Part<Replicas<ModelReplica>> {
  return replicaTable<ModelReplica>('This model on each predictor pod', OF_A_MODEL, (row) => [
    row.phase === '' ? (row.silent === '' ? 'not known there' : row.silent) : row.phase,
    row.bytes === null ? '–' : bytesText(row.bytes),
    requestsOf(row),
  ]);
}

const NONE = { total: 0, shown: [] } as const;

function serviceCells({ phases, silent, ...row }: ServiceReplica): string[] {
  const counts = phases.map(({ phase, count }) => `${count.toLocaleString('en')} ${phase}`).join(', ');
  return [silent === '' ? counts || 'none' : silent, requestsOf(row)];
}

function memoryCells({ residency }: ServiceReplica): string[] {
  if (residency === null) return ['–', '–'];
  return [`${countText(residency.resident, 'model')}: ${residentText(residency)}`, hitsText(residency)];
}

function requestsOf({ requests }: Pick<ServiceReplica, 'requests'>): string {
  return requests === null ? '–' : requestsText(requests);
}

function replicaTable<T extends { readonly pod: string; readonly ready: boolean }>(
  caption: string,
  columns: readonly { readonly title: string; readonly class: string }[],
  textsOf: (replica: T) => readonly string[],
): Part<Replicas<T>> {
  const rows = table(caption, columns);
  const keep = keptRows<T>(
    rows.body,
    ({ pod }) => pod,
    () => replicaLine(columns, textsOf),
  );
  const more = element('p', { class: 'note' });
  const made = element('section', {}, element('h2', {}, 'Replicas'), rows.element, more);
  return {
    element: made,
    update({ total, shown }) {
      show(made, shown.length > 0);
      keep(shown);
      show(more, total > shown.length);
      setText(more, `and ${countText(total - shown.length, 'predictor pod')} more`);
    },
  };
}

function replicaLine<T extends { readonly pod: string; readonly ready: boolean }>(
  columns: readonly { readonly title: string; readonly class: string }[],
  textsOf: (replica: T) => readonly string[],
): Row<T> {
  const pod = element('span');
  const ready = element('span', { class: 'badge' });
  const rest = columns.slice(2).map(() => element('span'));
  return {
    element: cells(columns, [[pod], [ready], ...rest.map((one) => [one])]),
    update(replica) {
      setText(pod, replica.pod);
      setText(ready, replica.ready ? 'yes' : 'no');
      setAttribute(ready, 'data-status', replica.ready ? 'True' : 'False');
      for (const [index, text] of textsOf(replica).entries()) {
        const cell = rest[index];
        if (cell !== undefined) setText(cell, text);
      }
    },
  };
}
