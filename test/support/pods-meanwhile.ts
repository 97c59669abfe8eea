import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../../src/lib/errors.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { quantile } from './quantile.ts';
import { dryRunContainers, predictorPod } from './predictor-pod.ts';

/** The outcome of the pods created during the work. */
export interface PodsMeanwhile {
  /** One line for each refused pod. */
  readonly refused: readonly string[];
  /** Pods that no webhook changed. */
  readonly bare: number;
  readonly injected: number;
  /** The durations of the admitted creations, in ms. */
  readonly p99: number;
}

const CALLERS = 2;
/** More lines would not help; the test has failed by then. */
const MOST_REFUSED = 1_000;

/** Creates pods of an InferenceService in dry runs, one after another, until the work is done. */
export async function podsMeanwhile(
  { client, service }: { readonly client: ApiClient; readonly service: string },
  work: () => Promise<void>,
): Promise<PodsMeanwhile> {
  const refused: string[] = [];
  const came = { bare: 0, injected: 0 };
  const times: number[] = [];
  let working = true;
  const caller = async (): Promise<void> => {
    while (working && refused.length < MOST_REFUSED) {
      try {
        const began = performance.now();
        const containers = await dryRunContainers(client, predictorPod('a', service));
        times.push(performance.now() - began);
        came[containers.includes('agent') ? 'injected' : 'bare'] += 1;
      } catch (thrown) {
        refused.push(messageOf(thrown));
        // A call that fails at once, as with a closed client, must not block everything else.
        await setImmediate();
      }
    }
  };
  const stop = (): void => {
    working = false;
  };
  await Promise.all([work().finally(stop), ...Array.from({ length: CALLERS }, caller)]);
  return { refused, ...came, p99: quantile(times, 0.99) };
}
