import { age } from '../../lib/age.ts';
import type { EpochMs } from '../../lib/clock.ts';
import type { ModelState, ServiceRow, StateCounts } from '../page-documents.decide.ts';
import { MODEL_STATES, PAGE_ROWS } from '../page-documents.decide.ts';
import { element, keptRows, setAttribute, setText, show } from './elements.ts';
import type { Row } from './elements.ts';
import { memoryText, STATE_WORDS } from './words.ts';

/** A part of the page that shows a value of this type. */
export interface Part<T> {
  readonly element: HTMLElement;
  update(item: T): void;
}

/** A state as a coloured word; the colour adds no information. */
export function badge(): Part<{ readonly state: ModelState; readonly text: string }> {
  const made = element('span', { class: 'badge' });
  return {
    element: made,
    update({ state, text }) {
      setAttribute(made, 'data-state', state);
      setText(made, text);
    },
  };
}

/** How many models are in which state. */
export function badges(): Part<StateCounts> {
  const made = element('span', { class: 'badges' });
  const keep = keptRows<{ readonly state: ModelState; readonly count: number }>(
    made,
    ({ state }) => state,
    (): Row<{ state: ModelState; count: number }> => {
      const one = badge();
      return {
        element: one.element,
        update: ({ state, count }) =>
          one.update({ state, text: `${count.toLocaleString('en')} ${STATE_WORDS[state]}` }),
      };
    },
  );
  return {
    element: made,
    update: (counts) =>
      keep(MODEL_STATES.map((state) => ({ state, count: counts[state] })).filter(({ count }) => count > 0)),
  };
}

/** The age of a time, with the time itself on hover. */
export function since(): Part<string> {
  const made = element('time');
  return {
    element: made,
    update(time) {
      show(made, time !== '');
      setAttribute(made, 'datetime', time);
      setAttribute(made, 'title', time);
      setText(made, time === '' ? '' : age(time, Date.now() as EpochMs));
    },
  };
}

/** The declared share of the allowed memory. */
export function memoryMeter(): Part<ServiceRow['memory']> {
  const meter = element('meter', { min: '0', 'aria-label': 'memory declared by the models, of the limit' });
  const words = element('span');
  return {
    element: element('span', { class: 'memory' }, meter, words),
    update({ declared, limit }) {
      show(meter, limit !== null && limit > 0);
      const most = limit ?? 0;
      // Green up to four fifths, red above the limit.
      for (const [name, value] of [
        ['max', Math.max(most, declared)],
        ['low', most * 0.8],
        ['high', most],
        ['optimum', 0],
        ['value', declared],
      ] as const) {
        setAttribute(meter, name, String(value));
      }
      setText(words, memoryText({ declared, limit }));
    },
  };
}

/** A text box; the callback runs once typing pauses. */
export function filterBox(label: string, onFilter: (text: string) => void): Part<string> {
  const input = element('input', {
    type: 'search',
    autocomplete: 'off',
    spellcheck: 'false',
    maxlength: '253',
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => onFilter(input.value.trim()), 200);
  });
  return {
    element: element('label', { class: 'filter' }, label, input),
    update(text) {
      if (document.activeElement !== input && input.value !== text) input.value = text;
    },
  };
}

/** A choice of yes or no. */
export function checkBox(label: string, onChange: (checked: boolean) => void): Part<boolean> {
  const input = element('input', { type: 'checkbox' });
  input.addEventListener('change', () => onChange(input.checked));
  return {
    element: element('label', { class: 'check' }, input, label),
    update(checked) {
      if (input.checked !== checked) input.checked = checked;
    },
  };
}

/** Texts, one below the other. */
export function lines(): Part<readonly string[]> {
  const made = element('span', { class: 'lines' });
  const keep = keptRows<readonly [number, string]>(
    made,
    ([index]) => String(index),
    (): Row<readonly [number, string]> => {
      const line = element('span', { class: 'clamped' });
      return { element: line, update: ([, text]) => setText(line, text) };
    },
  );
  return { element: made, update: (texts) => keep([...texts.entries()]) };
}

/** Which rows are shown, and links to the others. */
export function pager(
  onFrom: (from: number) => void,
): Part<{ readonly from: number; readonly found: number }> {
  let shown = { from: 0, found: 0 };
  const words = element('span');
  const previous = element('button', { type: 'button' }, 'Previous');
  const next = element('button', { type: 'button' }, 'Next');
  previous.addEventListener('click', () => onFrom(Math.max(0, shown.from - PAGE_ROWS)));
  next.addEventListener('click', () => onFrom(shown.from + PAGE_ROWS));
  const made = element('nav', { class: 'pager', 'aria-label': 'Pages' }, previous, words, next);
  return {
    element: made,
    update(now) {
      shown = now;
      const { from, found } = now;
      show(made, found > PAGE_ROWS || from > 0);
      setText(
        words,
        `${(from + 1).toLocaleString('en')} to ${Math.min(from + PAGE_ROWS, found).toLocaleString('en')} of ${found.toLocaleString('en')}`,
      );
      previous.disabled = from === 0;
      next.disabled = from + PAGE_ROWS >= found;
    },
  };
}

/** Names and values, one below the other. */
export function factList(names: readonly string[]): {
  readonly element: HTMLElement;
  readonly values: ReadonlyMap<string, HTMLElement>;
} {
  const values = new Map(names.map((name): [string, HTMLElement] => [name, element('dd')]));
  const made = element('dl', { class: 'facts' });
  for (const [name, value] of values) made.append(element('div', {}, element('dt', {}, name), value));
  return { element: made, values };
}
