import { MODEL_STATES } from '../page-documents.decide.ts';
import type { ModelState } from '../page-documents.decide.ts';

/**
 * The shown view. The part of the address after the # encodes it, so that it can be linked and the back button works.
 */
export type Route =
  | {
      readonly kind: 'services';
      readonly filter: string;
      /** Only InferenceServices that are multi-model or that models name. */
      readonly multiModel: boolean;
      readonly from: number;
    }
  | {
      readonly kind: 'service';
      readonly namespace: string;
      readonly name: string;
      readonly filter: string;
      readonly state: ModelState | '';
      readonly from: number;
    }
  | { readonly kind: 'model'; readonly namespace: string; readonly name: string; readonly model: string };

/** The longest that the manager accepts. */
const LONGEST_FILTER = 253;

/**
 * `#/`, `#/namespace/service`, `#/namespace/service/model`, each with `?filter=…&multi-model=true&state=…&from=…`.
 * Anything else is `#/`.
 */
export function routeOf(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const query = new URLSearchParams(search);
  const filter = (query.get('filter') ?? '').slice(0, LONGEST_FILTER);
  const from = /^\d{1,9}$/.test(query.get('from') ?? '') ? Number(query.get('from')) : 0;
  const parts = path === '' ? [] : path.split('/').map(decoded);
  const [namespace, name, model] = parts;
  if (parts.length === 3 && namespace && name && model) return { kind: 'model', namespace, name, model };
  if (parts.length === 2 && namespace && name) {
    const state = MODEL_STATES.find((one) => one === query.get('state')) ?? '';
    return { kind: 'service', namespace, name, filter, state, from };
  }
  return { kind: 'services', filter, from, multiModel: query.get('multi-model') === 'true' };
}

/** The inverse of {@link routeOf}. */
export function hashOf(route: Route): string {
  switch (route.kind) {
    case 'services':
      return `#/${servicesQuery(route)}`;
    case 'service':
      return `#/${pathOf(route.namespace, route.name)}${queryOf({ filter: route.filter, state: route.state, from: route.from })}`;
    case 'model':
      return `#/${pathOf(route.namespace, route.name, route.model)}`;
  }
}

/** The manager's address of its document. */
export function addressOf(route: Route): string {
  switch (route.kind) {
    case 'services':
      return `/api/v1/inferenceservices${servicesQuery(route)}`;
    case 'service':
      return `/api/v1/inferenceservices/${pathOf(route.namespace, route.name)}${queryOf({ filter: route.filter, state: route.state, from: route.from })}`;
    case 'model':
      return `/api/v1/trainedmodels/${pathOf(route.namespace, route.model)}`;
  }
}

/** Whether two routes use the same view and differ at most in its filters. */
export function isSameView(a: Route, b: Route): boolean {
  const bare = (route: Route): string =>
    hashOf(
      route.kind === 'model'
        ? route
        : { ...route, filter: '', from: 0, ...('state' in route ? { state: '' } : { multiModel: false }) },
    );
  return bare(a) === bare(b);
}

function servicesQuery({ filter, multiModel, from }: Extract<Route, { kind: 'services' }>): string {
  return queryOf({ filter, 'multi-model': multiModel ? 'true' : '', from });
}

/** The route without filters. */
export const ALL_SERVICES = { kind: 'services', filter: '', multiModel: false, from: 0 } as const;

function pathOf(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join('/');
}

function queryOf(values: Readonly<Record<string, string | number>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== '' && value !== 0) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query.toString()}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
