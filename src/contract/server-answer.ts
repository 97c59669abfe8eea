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

/** In the V2 protocol `error` is a text; FastAPI has `detail`, vLLM `error.message`, TorchServe `message`. */
function saidIn(body: string): string {
  const answer = parsed(body);
  if (!isRecord(answer)) return body;
  const error = answer['error'];
  const said = [error, isRecord(error) ? error['message'] : undefined, answer['detail'], answer['message']];
  return said.find((one): one is string => typeof one === 'string' && one !== '') ?? body;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
