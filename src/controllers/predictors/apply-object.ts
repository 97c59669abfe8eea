import { MmsError } from '../../lib/errors.ts';
import type { KubernetesObject, ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf } from '../../contract/kubernetes.ts';
import { fingerprint, predictorChange } from './predictor-change.decide.ts';
import type { AppliedRecord } from './predictor-change.decide.ts';
import type { BlockedReason } from '../../contract/predictor-outcome.ts';
import type { WantedObject } from './predictor-workload.decide.ts';
import { isApiError } from '../../kube/api-error.ts';
import type { Logger } from '../../lib/log.ts';

/** One kind of object of a predictor, in the caches and at the API server. */
export interface ManagedKind<T extends KubernetesObject> {
  readonly kind: 'Deployment' | 'Service';
  /** The newest of watch and own writes. */
  known(key: ObjectKey): T | undefined;
  /** Reads from the API server: an object of another owner may lack the labels that the watch selects by. */
  read(key: ObjectKey): Promise<T | undefined>;
  /**
   * Applies the desired object and remembers the response.
   * @param uid the object to change; undefined to create one, which fails with API_CONFLICT when it already exists
   */
  apply(wanted: WantedObject, uid: string | undefined): Promise<T>;
  /** What this process applied last, by key. */
  readonly applied: Map<ObjectKey, AppliedRecord>;
}

type Kept<T> =
  | { readonly kind: 'kept'; readonly object: T }
  /** It is being deleted. The deletion event triggers the next reconcile. */
  | { readonly kind: 'going' }
  | {
      readonly kind: 'blocked';
      readonly reason: BlockedReason;
      readonly message: string;
      /** Why it failed, and whether a retry may succeed. */
      readonly error: MmsError;
    };

/**
 * An object of another owner is in the way, and only a user may remove it. Retried with growing backoff, since no event
 * shows its removal.
 */
class ForeignObjectError extends MmsError {
  readonly code = 'FOREIGN_OBJECT';
  readonly retryable = true;
}

/**
 * Brings one object in sync with the desired one by server-side apply. Fields that others have set, and this project
 * does not own, stay. Without a difference, no request is sent.
 * @throws {ApiError} retryable, when the API server could not be reached
 */
export async function applyObject<T extends KubernetesObject>(
  kept: ManagedKind<T>,
  wanted: WantedObject,
  logger: Logger,
): Promise<Kept<T>> {
  const key = keyOf(wanted);
  const { kind, applied } = kept;
  let live = kept.known(key);
  let change = predictorChange(kind, wanted, live, applied.get(key));
  if (change.kind === 'create') {
    live = await kept.read(key);
    change = predictorChange(kind, wanted, live, applied.get(key));
  }
  switch (change.kind) {
    case 'none':
      return live === undefined ? { kind: 'going' } : { kind: 'kept', object: live };
    case 'wait':
      return { kind: 'going' };
    case 'foreign': {
      const { message } = change;
      return { kind: 'blocked', reason: `${kind}NotOurs`, message, error: new ForeignObjectError(message) };
    }
    case 'create':
    case 'apply': {
      const because = change.kind === 'create' ? 'there is none' : change.because;
      return apply(kept, wanted, change.kind === 'create' ? undefined : change.uid, logger, because);
    }
  }
}

async function apply<T extends KubernetesObject>(
  { kind, apply: write, applied }: ManagedKind<T>,
  wanted: WantedObject,
  uid: string | undefined,
  logger: Logger,
  because: string,
): Promise<Kept<T>> {
  const key = keyOf(wanted);
  try {
    const object = await write(wanted, uid);
    const { metadata } = object;
    applied.set(key, {
      wanted: fingerprint(wanted),
      uid: metadata.uid ?? '',
      generation: metadata.generation,
    });
    logger.info({ [kind.toLowerCase()]: key, because }, `${kind} applied`);
    return { kind: 'kept', object };
  } catch (thrown) {
    applied.delete(key);
    // The API server answers an apply with an unknown field with 500.
    if (!isApiError(thrown, 'API_INVALID', 'API_BAD_REQUEST', 'API_FORBIDDEN', 'API_SERVER_ERROR'))
      throw thrown;
    return { kind: 'blocked', reason: `${kind}Refused`, message: thrown.message, error: thrown };
  }
}
