import type { BenchAgent } from '../agents.ts';
import { seededRandom } from '../../test/support/seeded-random.ts';
import { zipf } from '../../test/support/zipf.ts';

const EXPONENT = 1.1;
const CALLERS = 8;
const BODY = '{"inputs":[]}';

/**
 * Asks for models by a Zipf law from eight callers, for so many milliseconds; gives how many requests were answered.
 * @param answered called at the end of each, with how long it took and whether it got its answer
 */
export async function callByZipf(
  { port }: Pick<BenchAgent, 'port'>,
  models: readonly string[],
  ms: number,
  answered: (tookMs: number, well: boolean) => void = () => undefined,
): Promise<number> {
  const draw = zipf(models.length, EXPONENT, seededRandom(1));
  const until = performance.now() + ms;
  let count = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      const began = performance.now();
      const status = await ask(port, models[draw() - 1] ?? '');
      answered(performance.now() - began, status === 200);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return count;
}

/** The status of the answer; 0 without an answer. */
async function ask(port: number, model: string): Promise<number> {
  try {
    const url = `http://127.0.0.1:${port}/v2/models/${model}/infer`;
    const answer = await fetch(url, { method: 'POST', body: BODY });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    // The connection failed. Retries a moment later, as a client would.
    await new Promise((resolve) => setTimeout(resolve, 10));
    return 0;
  }
}
