import { causeIn } from './cause-text.ts';
import { isRecord } from '../lib/json.ts';

/** Longer messages would be cut again for the condition: see agent-status-reading.ts. */
export const LONGEST_AGENT_MESSAGE = 400;

const PREFIX = /^the model server answered \d+: /;

/** The meaning of a model server's refusal, at most {@link LONGEST_AGENT_MESSAGE} characters. */
export function refusalText(status: number, body: string): string {
  const answered = `the model server answered ${status}: `;
  return answered + explanationIn(body, LONGEST_AGENT_MESSAGE - answered.length);
}

/** The text without the prefix that all of them share, for output with little room. */
export function withoutServerPrefix(text: string): string {
  return text.replace(PREFIX, '');
}

/** The cause in the body of an error response, cut to the limit. */
export function explanationIn(body: string, limit: number): string {
  const text = saidIn(body).trim();
  if (text === '') return 'without a reason';
  // Starlette's response to an exception, without debug: MLServer with MLSERVER_DEBUG=false, for failures outside a
  // worker.
  if (text === 'Internal Server Error') return `${text}; the cause is in the log of the model server`;
  return causeIn(text, limit);
}

/** Some servers nest the answer of another server in theirs. */
const DEEPEST = 3;

/** In the V2 protocol `error` is a text; FastAPI has `detail`, vLLM `error.message`, TorchServe `message`. */
function saidIn(body: string, depth = 0): string {
  const answer = depth < DEEPEST ? parsed(body) : undefined;
  if (!isRecord(answer)) return headingsIn(body) ?? body;
  const { error, detail, message } = answer;
  const said = [error, isRecord(error) ? error['message'] : undefined, detail, faultsIn(detail), message];
  const text = said.find((one): one is string => typeof one === 'string' && one !== '');
  return text === undefined ? body : saidIn(text, depth + 1);
}

/** FastAPI's errors for a request that does not match its schema: the place and the error. */
function faultsIn(detail: unknown): string {
  const faults = (Array.isArray(detail) ? detail : []).filter(isRecord).flatMap(({ loc, msg }) => {
    if (typeof msg !== 'string') return [];
    return [Array.isArray(loc) && loc.length > 0 ? `${loc.join('.')}: ${msg}` : msg];
  });
  return faults.join('; ');
}

/** The title and headings of an HTML page, for example from a proxy; undefined for any other body. */
function headingsIn(body: string): string | undefined {
  if (!/^\s*<(?:!doctype|html)/i.test(body)) return undefined;
  const found = [...body.matchAll(/<(?:title|h1|h2)\b[^<>]*>([^<]+)/gi)].map(([, text = '']) => text.trim());
  return found.length === 0 ? undefined : [...new Set(found)].join(': ');
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
