import type { ConditionRow, ModelDocument, ModelPage } from '../page-documents.decide.ts';
import { element, keptRows, setAttribute, setText, show } from './elements.ts';
import type { Row } from './elements.ts';
import { badge, factList, since } from './parts.ts';
import type { Route } from './route.ts';
import { ALL_SERVICES, hashOf } from './route.ts';
import { advicePart } from './advice.ts';
import { modelReplicas } from './replicas.ts';
import { cells, table } from './table.ts';
import type { View } from './view.ts';
import { bytesText, STATE_WORDS } from './words.ts';

const COLUMNS = [
  { title: 'Condition', class: 'name' },
  { title: 'Status', class: 'state' },
  { title: 'Since', class: 'since' },
  { title: 'Reason', class: 'reason' },
  { title: 'Message', class: 'trouble' },
] as const;

const FACTS = ['Storage', 'Framework', 'Memory', 'URL', 'Created'] as const;

/** One TrainedModel with its conditions and its last error. */
export function modelView({ namespace, name, model }: Extract<Route, { kind: 'model' }>): View {
  const heading = element('h1', { tabindex: '-1' }, model);
  const service = { kind: 'service', namespace, name, filter: '', state: '', from: 0 } as const;
  const all = element('a', { href: hashOf(ALL_SERVICES) }, 'InferenceServices');
  const up = element('a', { href: hashOf(service) }, name);
  const path = element('nav', { class: 'path', 'aria-label': 'Path' }, all, ` / ${namespace} / `, up);
  const state = badge();
  const time = since();
  const error = element('p', { class: 'error' });
  const { element: facts, values } = factList(FACTS);
  const [advice, replicas] = [advicePart(), modelReplicas()];
  const rows = table('Conditions of this TrainedModel', COLUMNS);
  const keep = keptRows<ConditionRow>(rows.body, ({ type }) => type, conditionLine);
  const nothing = element('p', { class: 'nothing' }, 'There is no TrainedModel of this name.');
  const known = element(
    'div',
    {},
    ...[element('p', { class: 'standing' }, state.element, ' ', time.element), error],
    ...[advice.element, facts, replicas.element, element('h2', {}, 'Conditions'), rows.element],
  );
  return {
    element: element('div', {}, path, heading, known, nothing),
    heading,
    title: `${namespace}/${model}`,
    update(document) {
      const { model: page } = document as ModelDocument;
      show(known, page !== null);
      show(nothing, page === null);
      if (page === null) return;
      state.update({ state: page.state, text: page.reason === '' ? STATE_WORDS[page.state] : page.reason });
      time.update(page.since);
      setText(error, page.message);
      show(error, page.message !== '');
      setAttribute(error, 'data-state', page.state);
      for (const [fact, text] of factsOf(page)) {
        const value = values.get(fact);
        if (value !== undefined) setText(value, text === '' ? '–' : text);
      }
      advice.update(page.advice);
      replicas.update(page.replicas);
      keep(withoutRepeats(page));
      show(rows.element, page.conditions.length > 0);
    },
  };
}

function factsOf(page: ModelPage): [(typeof FACTS)[number], string][] {
  return [
    ['Storage', page.storageUri],
    ['Framework', page.framework],
    ['Memory', page.memory === null ? 'cannot be read' : bytesText(page.memory)],
    ['URL', page.url],
    ['Created', page.created],
  ];
}

/** A message is shown once: above, or in the first condition that has it. */
function withoutRepeats({ message, conditions }: ModelPage): ConditionRow[] {
  const said = new Set([message]);
  return conditions.map((condition) => {
    const isRepeated = condition.message !== '' && said.has(condition.message);
    said.add(condition.message);
    return isRepeated ? { ...condition, message: 'as above' } : condition;
  });
}

function conditionLine(): Row<ConditionRow> {
  const type = element('span');
  const status = element('span', { class: 'badge' });
  const time = since();
  const [reason, message] = [element('span'), element('span')];
  return {
    element: cells(COLUMNS, [[type], [status], [time.element], [reason], [message]]),
    update(row) {
      setText(type, row.type);
      setText(status, row.status);
      setAttribute(status, 'data-status', row.status);
      time.update(row.since);
      setText(reason, row.reason);
      setText(message, row.message);
    },
  };
}
