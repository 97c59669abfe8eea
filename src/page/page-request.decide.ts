import { MODEL_STATES } from './page-documents.decide.ts';
import type { ModelState } from './page-documents.decide.ts';

/** A request to the page's server. */
export type PageRequest =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'services';
      readonly filter: string;
      /** Leaves out InferenceServices that are not multi-model and that no TrainedModel names. */
      readonly multiModel: boolean;
      readonly from: number;
    }
  | {
      readonly kind: 'service';
      readonly namespace: string;
      readonly name: string;
      readonly filter: string;
      /** Only models in this state; undefined for all. */
      readonly state: ModelState | undefined;
      readonly from: number;
    }
  | { readonly kind: 'model'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'refused'; readonly status: 400 | 403 | 404 | 405; readonly message: string };

const SERVICES = '/api/v1/inferenceservices';
const MODELS = '/api/v1/trainedmodels';
/** The longest Kubernetes name. */
const LONGEST_FILTER = 253;

/**
 * Reads a request, or refuses it. Only a browser that addresses the loopback itself gets an answer. If an attacker's
 * name was resolved to the loopback (DNS rebinding), the Host header has that name.
 * @param target the raw request target, unchecked
 * @param host the Host header
 */
export function readPageRequest(request: {
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly host: string | undefined;
}): PageRequest {
  const { method, target = '', host } = request;
  if (!isLoopback(host)) {
    return refused(
      403,
      'this page is for localhost only: use kubectl port-forward and http://localhost:<port>/',
    );
  }
  if (method !== 'GET' && method !== 'HEAD') return refused(405, 'this page is read-only: GET and HEAD');
  const [path = '', query = ''] = target.split('?', 2);
  if (!path.startsWith('/api/')) return { kind: 'file', path };
  return readApiRequest(path, new URLSearchParams(query));
}

/** `localhost`, `127.0.0.1` or `[::1]`, with any port: the user chooses the port of a port-forward. */
function isLoopback(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(host);
}

function readApiRequest(path: string, query: URLSearchParams): PageRequest {
  const filter = query.get('filter') ?? '';
  const from = Number(query.get('from') ?? 0);
  const state = query.get('state') ?? '';
  if (filter.length > LONGEST_FILTER) return refused(400, `filter may have ${LONGEST_FILTER} characters`);
  if (!Number.isSafeInteger(from) || from < 0) return refused(400, 'from must be a whole number, 0 or more');
  if (state !== '' && !isState(state)) {
    return refused(400, `state must be one of ${MODEL_STATES.join(', ')}`);
  }
  if (path === SERVICES)
    return { kind: 'services', filter, from, multiModel: query.get('multi-model') === 'true' };
  const service = nameBelow(SERVICES, path);
  if (service !== undefined) {
    return { kind: 'service', ...service, filter, from, state: isState(state) ? state : undefined };
  }
  const model = nameBelow(MODELS, path);
  return model === undefined ? refused(404, 'nothing here') : { kind: 'model', ...model };
}

/** `<prefix>/<namespace>/<name>`, each percent-encoded. */
function nameBelow(prefix: string, path: string): { namespace: string; name: string } | undefined {
  if (!path.startsWith(`${prefix}/`)) return undefined;
  const parts = path.slice(prefix.length + 1).split('/');
  const [namespace, name] = parts.map(decoded);
  // A decoded slash would change the object's key.
  if (parts.length !== 2 || !namespace || !name || `${namespace}${name}`.includes('/')) return undefined;
  return { namespace, name };
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function isState(text: string): text is ModelState {
  return MODEL_STATES.some((state) => state === text);
}

function refused(status: 400 | 403 | 404 | 405, message: string): PageRequest {
  return { kind: 'refused', status, message };
}
