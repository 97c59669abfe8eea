import type { ServiceRow, ServicesDocument } from '../page-documents.decide.ts';
import { element, keptRows, setAttribute, setText, show } from './elements.ts';
import type { Row } from './elements.ts';
import { badges, checkBox, filterBox, lines, memoryMeter, pager } from './parts.ts';
import type { Route } from './route.ts';
import { ALL_SERVICES, hashOf } from './route.ts';
import { cells, table } from './table.ts';
import type { View } from './view.ts';
import { countText, totalOf, troubleLines } from './words.ts';

const COLUMNS = [
  { title: 'InferenceService', class: 'name' },
  { title: 'Models', class: 'models' },
  { title: 'Replicas ready', class: 'replicas' },
  { title: 'Memory declared', class: 'memory-of' },
  { title: 'What is in the way', class: 'trouble' },
] as const;

type Services = Extract<Route, { kind: 'services' }>;

/** All InferenceServices, troubled ones first. */
export function servicesView(go: (route: Route, how: 'push' | 'replace') => void): View {
  let shown: Services = ALL_SERVICES;
  const heading = element('h1', { tabindex: '-1' }, 'InferenceServices');
  const totals = badges();
  const summary = element('p', { class: 'summary' });
  const search = filterBox('Filter by namespace, InferenceService or model', (filter) =>
    go({ ...shown, filter, from: 0 }, 'replace'),
  );
  const only = checkBox('Only multi-model', (multiModel) => go({ ...shown, multiModel, from: 0 }, 'replace'));
  const rows = table('InferenceServices and how their models are', COLUMNS);
  const keep = keptRows<ServiceRow>(
    rows.body,
    ({ namespace, name }) => `${namespace}/${name}`,
    () => serviceLine(() => shown.filter),
  );
  const nothing = element('p', { class: 'nothing' });
  const pages = pager((from) => go({ ...shown, from }, 'push'));
  return {
    element: element(
      'div',
      {},
      ...[heading, element('div', { class: 'totals' }, summary, totals.element)],
      ...[
        element('div', { class: 'controls' }, search.element, only.element),
        rows.element,
        nothing,
        pages.element,
      ],
    ),
    heading,
    title: 'InferenceServices',
    update(document, route) {
      const { services, found, from, totals: counted } = document as ServicesDocument;
      shown = route as Services;
      search.update(shown.filter);
      only.update(shown.multiModel);
      setText(
        summary,
        `${countText(counted.inferenceServices, 'InferenceService')}, ${countText(totalOf(counted.models), 'model')}`,
      );
      totals.update(counted.models);
      keep(services);
      pages.update({ from, found });
      show(rows.element, services.length > 0);
      show(nothing, services.length === 0);
      setText(nothing, nothingText(shown));
      if (from > 0 && from >= found) go({ ...shown, from: 0 }, 'replace');
    },
  };
}

function nothingText({ filter, multiModel }: Services): string {
  if (filter !== '') return `Nothing matches “${filter}”.`;
  return multiModel ? 'No InferenceService is multi-model.' : NONE;
}

const NONE =
  'Nothing here yet. An InferenceService without a storageUri, and TrainedModels that name it, will show up as soon as they are created.';

function serviceLine(filter: () => string): Row<ServiceRow> {
  const link = element('a');
  const namespace = element('span', { class: 'namespace' });
  const matches = element('span', { class: 'note' });
  const models = badges();
  const none = element('span', { class: 'note' }, 'none');
  const replicas = element('span');
  const memory = memoryMeter();
  const trouble = lines();
  const line = cells(COLUMNS, [
    [namespace, link, matches],
    [models.element, none],
    [replicas],
    [memory.element],
    [trouble.element],
  ]);
  return {
    element: line,
    update(row) {
      setText(namespace, row.namespace);
      setText(link, row.name);
      const { namespace: place, name, matching } = row;
      const filtered = matching > 0 ? filter() : '';
      const target = {
        kind: 'service',
        namespace: place,
        name,
        filter: filtered,
        state: '',
        from: 0,
      } as const;
      setAttribute(link, 'href', hashOf(target));
      setText(
        matches,
        matching > 0 ? `${countText(matching, 'model')} ${matching === 1 ? 'matches' : 'match'}` : '',
      );
      models.update(row.models);
      show(none, totalOf(row.models) === 0);
      setText(replicas, row.multiModel ? `${row.replicas.ready} of ${row.replicas.total}` : '–');
      memory.update(row.memory);
      show(memory.element, row.multiModel);
      trouble.update(troubleLines(row));
      setAttribute(
        trouble.element,
        'class',
        row.multiModel || totalOf(row.models) > 0 ? 'lines' : 'lines note',
      );
    },
  };
}
