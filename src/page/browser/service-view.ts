import type { ModelRow, ServiceDocument, ServiceRow } from '../page-documents.decide.ts';
import { MODEL_STATES } from '../page-documents.decide.ts';
import { element, keptRows, setAttribute, setText, show } from './elements.ts';
import type { Row } from './elements.ts';
import { badge, badges, factList, filterBox, memoryMeter, pager, since } from './parts.ts';
import type { Part } from './parts.ts';
import type { Route } from './route.ts';
import { ALL_SERVICES, hashOf } from './route.ts';
import { advicePart } from './advice.ts';
import { serviceReplicas } from './replicas.ts';
import { cells, table } from './table.ts';
import type { View } from './view.ts';
import { bytesText, countText, serviceTrouble, STATE_WORDS, totalOf } from './words.ts';

const COLUMNS = [
  { title: 'Model', class: 'name' },
  { title: 'State', class: 'state' },
  { title: 'Since', class: 'since' },
  { title: 'Memory', class: 'size' },
  { title: 'Framework', class: 'framework' },
  { title: 'What is in the way', class: 'trouble' },
] as const;

type Service = Extract<Route, { kind: 'service' }>;

/** One InferenceService and its models, troubled ones first. */
export function serviceView(initial: Service, go: (route: Route, how: 'push' | 'replace') => void): View {
  let shown = initial;
  const heading = element('h1', { tabindex: '-1' }, initial.name);
  const about = serviceFacts();
  const [advice, replicas] = [advicePart(), serviceReplicas()];
  const search = filterBox('Filter models', (filter) => go({ ...shown, filter, from: 0 }, 'replace'));
  const states = stateChoice((state) => go({ ...shown, state, from: 0 }, 'replace'));
  const rows = table('TrainedModels of this InferenceService', COLUMNS);
  const keep = keptRows<ModelRow>(
    rows.body,
    ({ name }) => name,
    () => modelLine(() => shown),
  );
  const nothing = element('p', { class: 'nothing' });
  const pages = pager((from) => go({ ...shown, from }, 'push'));
  const all = element('a', { href: hashOf(ALL_SERVICES) }, 'InferenceServices');
  const path = element('nav', { class: 'path', 'aria-label': 'Path' }, all, ` / ${initial.namespace}`);
  return {
    element: element(
      'div',
      {},
      ...[path, heading, about.element, advice.element, replicas.element, element('h2', {}, 'Models')],
      ...[element('div', { class: 'controls' }, search.element, states.element)],
      ...[rows.element, nothing, pages.element],
    ),
    heading,
    title: `${initial.namespace}/${initial.name}`,
    update(document, route) {
      const { service, models, found, from, ...closer } = document as ServiceDocument;
      shown = route as Service;
      advice.update(closer.advice);
      replicas.update(closer.replicas);
      show(about.element, service !== null);
      if (service !== null) about.update(service);
      search.update(shown.filter);
      states.update(shown.state);
      keep(models);
      pages.update({ from, found });
      show(rows.element, models.length > 0);
      show(nothing, models.length === 0);
      setText(nothing, nothingText(service, shown));
      if (from > 0 && from >= found) go({ ...shown, from: 0 }, 'replace');
    },
  };
}

function nothingText(service: ServiceRow | null, { filter, state }: Service): string {
  if (service === null)
    return 'There is no InferenceService of this name, and no TrainedModel that names it.';
  if (filter !== '' || state !== '') return 'No model matches.';
  return 'No models yet. TrainedModels that name this InferenceService will show up as soon as they are created.';
}

function serviceFacts(): Part<ServiceRow> {
  const names = ['Multi-model', 'Ready', 'Replicas', 'ConfigMaps', 'Memory', 'Models'];
  const { element: made, values } = factList(names);
  const models = badges();
  const memory = memoryMeter();
  values.get('Models')?.append(models.element);
  values.get('Memory')?.append(memory.element);
  const set = (name: string, text: string): void => {
    const value = values.get(name);
    if (value !== undefined) setText(value, text);
  };
  return {
    element: made,
    update(row) {
      const { multiModel, why, ready, replicas, shards } = row;
      const trouble = serviceTrouble(row);
      set('Multi-model', `${row.exists ? (multiModel ? 'yes' : 'no') : 'unknown'}: ${why}`);
      set(
        'Ready',
        ready === 'True' ? 'yes' : trouble === '' ? (ready === 'False' ? 'no' : 'unknown') : trouble,
      );
      set('Replicas', `${replicas.ready} of ${countText(replicas.total, 'predictor pod')} ready`);
      set('ConfigMaps', countText(shards, 'models.json', 'models.json'));
      memory.update(row.memory);
      models.update(row.models);
      show(models.element, totalOf(row.models) > 0);
    },
  };
}

function stateChoice(onState: (state: Service['state']) => void): Part<Service['state']> {
  const options = MODEL_STATES.map((state) => element('option', { value: state }, STATE_WORDS[state]));
  const select = element('select', {}, element('option', { value: '' }, 'any'), ...options);
  select.addEventListener('change', () => onState(select.value as Service['state']));
  return {
    element: element('label', { class: 'choice' }, 'State', select),
    update(state) {
      if (select.value !== state) select.value = state;
    },
  };
}

function modelLine(shown: () => Service): Row<ModelRow> {
  const link = element('a');
  const state = badge();
  const time = since();
  const [memory, framework] = [element('span'), element('span')];
  const trouble = element('span', { class: 'clamped' });
  const line = cells(COLUMNS, [[link], [state.element], [time.element], [memory], [framework], [trouble]]);
  return {
    element: line,
    update(row) {
      const { namespace, name } = shown();
      setText(link, row.name);
      setAttribute(link, 'href', hashOf({ kind: 'model', namespace, name, model: row.name }));
      state.update({ state: row.state, text: row.reason === '' ? STATE_WORDS[row.state] : row.reason });
      time.update(row.since);
      setText(memory, row.memory === null ? '?' : bytesText(row.memory));
      setText(framework, row.framework);
      setText(trouble, row.message);
    },
  };
}
