import type { KubernetesObject } from '../contract/kubernetes.ts';
import type { Logger } from '../lib/log.ts';
import type { Delta } from './reflector.ts';
import type { ReflectorEvent } from './reflector-loop.ts';

/** Calls a handler so that nothing it does, be it throwing or rejecting later, reaches the caller or the process. */
export function deliverTo<T extends KubernetesObject>(
  onDelta: ((delta: Delta<T>) => unknown) | undefined,
  logger: Logger,
  observe: (event: ReflectorEvent) => void,
): (delta: Delta<T>) => void {
  if (onDelta === undefined) return () => undefined;

  return (delta) => {
    const failed = (error: unknown): void => {
      const object = delta.type === 'synced' ? undefined : delta.object.metadata.name;
      logger.error({ err: error, delta: delta.type, object }, 'a handler of cache changes failed');
      observe({ type: 'handler-failed', error });
    };
    try {
      // A handler declared as returning nothing may still be an async function.
      const result = onDelta(delta);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
