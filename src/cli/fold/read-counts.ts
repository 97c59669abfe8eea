import { messageOf } from '../../lib/errors.ts';
import { InputFileError, readInput } from '../documents.ts';
import type { CommandIo } from '../io.ts';
import { countedInAnswer, countedInText, COUNTERS, requestCounts } from './counters.decide.ts';
import type { Counted, Counter } from './counters.decide.ts';
import type { RequestCounts } from './half-budget.decide.ts';

const TIMEOUT_MS = 30_000;
/** A week includes every weekday. */
const RANGE = '7d';

/**
 * The number of requests to models: from metrics files of agents and model servers, and from Prometheus servers.
 * @throws {InputFileError} when one cannot be read, or none counts requests of models
 */
export async function readRequestCounts(
  places: readonly string[],
  io: CommandIo,
  signal: AbortSignal,
): Promise<RequestCounts> {
  const counted: Counted[] = [];
  for (const place of places)
    counted.push(
      ...(/^https?:\/\//.test(place)
        ? await countedAt(place, signal)
        : countedInText(await readInput(place, io))),
    );
  const counts = requestCounts(counted);
  if (counts.size > 0) return counts;
  const names = COUNTERS.map(({ name }) => name).join(', ');
  throw new InputFileError(`${places.join(', ')} counts no requests of models: there is none of ${names}`);
}

async function countedAt(prometheus: string, signal: AbortSignal): Promise<Counted[]> {
  const all = await Promise.all(COUNTERS.map((counter) => ask(prometheus, counter, signal)));
  return all.flat();
}

async function ask(prometheus: string, counter: Counter, signal: AbortSignal): Promise<Counted[]> {
  const { name, label } = counter;
  const query = `sum by (namespace, ${label}) (increase(${name}[${RANGE}]))`;
  const url = `${prometheus.replace(/\/+$/, '')}/api/v1/query?${new URLSearchParams({ query }).toString()}`;
  const within = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const response = await fetch(url, { signal: within });
    const answer: unknown = await response.json();
    const counted = countedInAnswer(answer, counter);
    if (counted !== undefined) return counted;
    throw new Error(`status ${response.status}, and no result of a query`);
  } catch (thrown) {
    throw new InputFileError(`Prometheus at ${prometheus} does not answer: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}
