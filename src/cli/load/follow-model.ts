import type { ObjectMeta } from '../../contract/kubernetes.ts';
import { objectKey } from '../../contract/kubernetes.ts';
import { silentLogger } from '../../lib/log.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { startReflector } from '../../kube/reflector.ts';
import { TRAINED_MODELS } from '../../kube/resources.ts';
import { systemClock } from '../../lib/system-clock.ts';

/**
 * Looks at one TrainedModel now and at each change, by a watch that is opened again whenever it breaks, until `look` finds what it
 * looks for, which is returned. It is given undefined once the model is not there. Undefined when the signal aborts first.
 *
 * @throws what `look` throws
 */
export async function followModel<T>(
  run: { readonly client: ApiClient; readonly model: ObjectMeta; readonly signal: AbortSignal },
  look: (model: TrainedModel | undefined) => T | undefined,
): Promise<T | undefined> {
  const { client, model, signal } = run;
  const { name, namespace = '' } = model;
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  const end = (): void => resolve(undefined);
  signal.addEventListener('abort', end, { once: true });
  const reflector = startReflector({
    ...{ client, namespace, resource: TRAINED_MODELS, fieldSelector: `metadata.name=${name}` },
    ...{ clock: systemClock, random: Math.random, logger: silentLogger },
  });
  reflector.subscribe(() => {
    if (!reflector.cache.synced) return;
    try {
      const found = look(reflector.cache.get(objectKey(namespace, name)));
      if (found !== undefined) resolve(found);
    } catch (thrown) {
      reject(thrown);
    }
  });
  try {
    if (signal.aborted) end();
    return await promise;
  } finally {
    signal.removeEventListener('abort', end);
    await reflector.stop();
  }
}
