import type { PageDocument } from '../page-documents.decide.ts';
import { element, setAttribute, setText, show } from './elements.ts';
import { modelView } from './model-view.ts';
import { startPolling } from './polling.ts';
import type { Connection } from './polling.ts';
import type { Route } from './route.ts';
import { addressOf, hashOf, isSameView, routeOf } from './route.ts';
import { serviceView } from './service-view.ts';
import { servicesView } from './services-view.ts';
import type { View } from './view.ts';

const main = element('main', { id: 'main', tabindex: '-1' });
document.querySelector('main')?.replaceWith(main);
const connection = document.querySelector('#connection') ?? element('p');
const notice = element('p', { class: 'notice', role: 'status' });
const loading = element('p', { class: 'nothing' }, 'Loading …');

let route = routeOf(location.hash);
let view = viewOf(route);

function viewOf(wanted: Route): View {
  switch (wanted.kind) {
    case 'services':
      return servicesView(go);
    case 'service':
      return serviceView(wanted, go);
    case 'model':
      return modelView(wanted);
  }
}

/** Shows a route, as a click on a link does. */
function go(wanted: Route, how: 'push' | 'replace'): void {
  if (hashOf(wanted) === hashOf(route)) return;
  history[how === 'push' ? 'pushState' : 'replaceState'](null, '', hashOf(wanted));
  followAddress();
}

function followAddress(): void {
  const before = route;
  route = routeOf(location.hash);
  if (!isSameView(before, route)) {
    view = viewOf(route);
    mount();
    scrollTo(0, 0);
  }
  polling.poke();
}

/** The view appears with its first document: an empty table would suggest that there are no objects. */
function mount(): void {
  document.title = `${view.title} – kserve-mms`;
  main.replaceChildren(notice, loading);
}

function shown(current: PageDocument): void {
  const { awaited, silent } = current;
  const words =
    awaited !== ''
      ? `The manager does not know the whole cluster yet: ${awaited}.`
      : silent === null
        ? ''
        : `The manager does not hear of the API server since ${silent.since} (${silent.why}). What is shown is of then.`;
  setText(notice, words);
  show(notice, words !== '');
  view.update(current, route);
  if (view.element.isConnected) return;
  loading.replaceWith(view.element);
  if (started) view.heading.focus({ preventScroll: true });
  started = true;
}

/** Whether a view was shown before: the first one leaves the focus where the browser put it. */
let started = false;

function connected(now: Connection): void {
  setAttribute(connection, 'data-state', now.state);
  setText(connection, wordsOf(now));
}

function wordsOf(now: Connection): string {
  switch (now.state) {
    case 'connecting':
      return 'connecting …';
    case 'live':
      return 'live';
    case 'paused':
      return 'paused while the page is hidden';
    case 'outdated':
      return 'the manager is of another version: load this page again';
    case 'lost':
      return now.since === undefined
        ? 'no connection, trying again …'
        : `connection lost, trying again … what you see is of ${now.since.toLocaleTimeString()}`;
  }
}

document.querySelector('#skip')?.addEventListener('click', (event) => {
  // The fragment names the route, and is not for anchors within it.
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', followAddress);
mount();
const polling = startPolling({ address: () => addressOf(route), onDocument: shown, onConnection: connected });
