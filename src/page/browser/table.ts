import { element } from './elements.ts';

interface Column {
  readonly title: string;
  readonly class: string;
}

interface Table {
  readonly element: HTMLElement;
  readonly body: HTMLElement;
}

/**
 * A table that becomes a list of cards on narrow screens. Its roles are explicit, because a browser drops them with
 * another `display`.
 */
export function table(caption: string, columns: readonly Column[]): Table {
  const titles = columns.map(({ title, class: name }) =>
    element('th', { scope: 'col', role: 'columnheader', class: name }, title),
  );
  const body = element('tbody', { role: 'rowgroup' });
  const whole = element(
    'table',
    { role: 'table' },
    element('caption', { class: 'unseen' }, caption),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...titles)),
    body,
  );
  return { element: whole, body };
}

/** The cells of a row; the first is its header. */
export function cells(columns: readonly Column[], contents: readonly (readonly Node[])[]): HTMLElement {
  const made = columns.map(({ title, class: name }, index) =>
    index === 0
      ? element('th', { scope: 'row', role: 'rowheader', class: name }, ...(contents[0] ?? []))
      : element('td', { role: 'cell', class: name, 'data-title': title }, ...(contents[index] ?? [])),
  );
  return element('tr', { role: 'row' }, ...made);
}
