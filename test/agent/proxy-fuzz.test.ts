import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import process from 'node:process';
import { eventuallyTrue } from '../support/eventually.ts';
import { comparable, exchangeBytes, LAST } from '../support/proxy-exchange.ts';
import { oddRequests } from '../support/proxy-fuzz.ts';
import type { ProxyPair } from '../support/proxy-pair.ts';
import { startProxyPair } from '../support/proxy-pair.ts';
import type { RecordingComponent } from '../support/recording-component.ts';
import { sized } from '../support/tier.ts';
import { KSERVE_AGENT_STARTS_WITHIN } from '../support/kserve-agent.ts';

jest.setTimeout(KSERVE_AGENT_STARTS_WITHIN);

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? sized({ check: 5, soak: 600 }));
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** The number of concurrent clients. Each has its own address, which identifies its requests. */
const AT_ONCE = 16;

describe('randomly changed request heads', () => {
  let pair: ProxyPair;
  let theirs: ProxyPair['theirs'];
  let ours: ProxyPair['ours'];
  let components: ProxyPair['components'];

  beforeAll(async () => {
    pair = await startProxyPair();
    ({ theirs, ours, components } = pair);
  });
  afterAll(() => pair.stop());

  /** What the component behind a proxy received from each of these clients. */
  async function passedOn(
    port: number,
    component: RecordingComponent,
    all: readonly string[],
    silenceMs: number,
  ) {
    await Promise.all(
      all.map((sent, index) => exchangeBytes(port, sent + LAST, silenceMs, `127.0.1.${index + 1}`)),
    );
    const passed = all.map((): string[] => []);
    for (const request of component.take()) {
      const nodes =
        request.headers.filter(([name]) => name.toLowerCase() === 'x-forwarded-for').at(-1)?.[1] ?? '';
      const client = Number(nodes.split('.').at(-1)) - 1;
      passed[client]!.push(comparable(request, component.port));
    }
    return passed;
  }

  /** The first request that our component received and KServe's did not, in the same position. */
  async function firstOther(all: readonly string[], silenceMs: number): Promise<string | undefined> {
    const [kserve, mms] = await Promise.all([
      passedOn(theirs.port, components.theirs, all, silenceMs),
      passedOn(ours.port, components.ours, all, silenceMs),
    ]);
    for (const [index, sent] of all.entries()) {
      if (isTakenHereOnly(sent)) continue;
      const other = mms[index]!.findIndex((request, place) => request !== kserve[index]![place]);
      if (other >= 0)
        return `${JSON.stringify(sent)}\nours: ${mms[index]![other]}\nKServe's: ${kserve[index]![other] ?? 'nothing'}`;
    }
    return undefined;
  }

  it(
    "reach the component as with KServe's agent, or are refused",
    async () => {
      const batch = fc.array(oddRequests(), { minLength: AT_ONCE, maxLength: AT_ONCE });
      let requests = 0;
      await fc.assert(
        fc.asyncProperty(batch, async (all) => {
          requests += all.length;
          const found = await firstOther(all, 150);
          // On a busy machine the time may have been too short, so a difference has to occur again.
          expect(found === undefined ? undefined : await firstOther(all, 3_000)).toBeUndefined();
        }),
        { seed: SEED, numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1_000, endOnFailure: true },
      );
      console.log(`[measured] ${requests} odd connections, seed ${SEED}`);
      await eventuallyTrue('nothing is left under way', () => ours.activity().inFlight === 0);
    },
    (SECONDS + 120) * 1_000,
  );
});

/**
 * What only our agent passes on (docs/agent-inside.md): empty lines before a request, more than one space in its first
 * line, and chunk sizes with many zeros.
 */
function isTakenHereOnly(sent: string): boolean {
  return (
    /(?:^|\r\n\r\n|abc)[\r\n]+\S/.test(sent + LAST) ||
    /\S {2,}(?:\S+ +)?HTTP/.test(sent) ||
    /\n0{16,}/.test(sent)
  );
}
