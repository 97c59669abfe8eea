import { messageOf } from '../../src/lib/errors.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { dryRunContainers, predictorPod } from './predictor-pod.ts';

export interface AdmissionLoad {
  readonly admissions: number;
  /** One line for each pod that was refused or came back without its agent. */
  readonly failures: readonly string[];
}

/** Creates pods of an InferenceService in dry runs, one after another, until the work is done. */
export async function admitMeanwhile(
  load: { readonly client: ApiClient; readonly service: string; readonly callers: number },
  work: () => Promise<void>,
): Promise<AdmissionLoad> {
  const failures: string[] = [];
  let admissions = 0;
  let working = true;
  const caller = async (): Promise<void> => {
    while (working) {
      try {
        const containers = await dryRunContainers(load.client, predictorPod('a', load.service));
        if (!containers.includes('agent')) failures.push('a pod came back without its agent');
        admissions += 1;
      } catch (thrown) {
        failures.push(messageOf(thrown));
      }
    }
  };
  const stop = (): void => {
    working = false;
  };
  await Promise.all([work().finally(stop), ...Array.from({ length: load.callers }, caller)]);
  return { admissions, failures };
}
