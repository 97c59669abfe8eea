import type { Clock, MonotonicMs } from '../../lib/clock.ts';
import type { ObjectKey } from '../../contract/kubernetes.ts';
import { keyOf } from '../../contract/kubernetes.ts';
import type { TrainedModelStatus } from '../../contract/trained-model-status.ts';
import type { TrainedModel } from '../../contract/trained-model.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { compareResourceVersions } from '../../kube/resource-version.ts';
import { TRAINED_MODELS } from '../../kube/resources.ts';
import { createTokenBucket } from '../../lib/token-bucket.ts';

export type StatusWriteOutcome = 'written' | 'gone' | 'failed';

interface StatusWriter {
  /** The newer of the cached status and our last write of it. */
  newest(model: TrainedModel): {
    readonly status: TrainedModelStatus | undefined;
    /** The earliest possible time of it; undefined when it was never written. */
    readonly writtenAt: MonotonicMs | undefined;
  };
  /** Resolves when it is stored, or when the model is deleted. Rejects with retryable errors. */
  write(model: TrainedModel, status: TrainedModelStatus, signal: AbortSignal): Promise<void>;
  forget(key: ObjectKey): void;
}

interface StatusWriterOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly scope: 'whole' | 'beside';
  readonly perSecond: number;
  readonly burst: number;
  readonly observe: (outcome: StatusWriteOutcome) => void;
}

const FIELD_MANAGER = 'kserve-mms-status';

interface OwnWrite {
  readonly at: MonotonicMs;
  /** Until the cache has this version or a newer one. */
  readonly unseen?: { readonly resourceVersion: string | undefined; readonly status: TrainedModelStatus };
}

/** Patches the status subresource of TrainedModels, within a rate limit. */
export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  const { client, clock, observe } = options;
  const bucket = createTokenBucket(options);
  const written = new Map<ObjectKey, OwnWrite>();

  return {
    newest(model) {
      const key = keyOf(model);
      const own = written.get(key);
      if (own?.unseen !== undefined && isNewer(own.unseen.resourceVersion, model))
        return { status: own.unseen.status, writtenAt: own.at };
      if (own?.unseen !== undefined) written.set(key, { at: own.at });
      const status = model.status as TrainedModelStatus | undefined;
      return { status, writtenAt: own?.at ?? lastTransition(status, clock) };
    },
    async write(model, status, signal) {
      await bucket.take(signal);
      if (signal.aborted) return;
      const { name, namespace = '' } = model.metadata;
      try {
        const stored = await client.patch(
          TRAINED_MODELS,
          { namespace, name },
          { type: 'merge', body: patchBody(model, status, options.scope) },
          { subresource: 'status', fieldManager: FIELD_MANAGER, signal },
        );
        const { resourceVersion } = stored.metadata;
        written.set(keyOf(model), { at: clock.monotonic(), unseen: { resourceVersion, status } });
        observe('written');
      } catch (thrown) {
        if (!isApiError(thrown, 'API_NOT_FOUND')) {
          observe('failed');
          throw thrown;
        }
        observe('gone');
      }
    },
    forget: (key) => void written.delete(key),
  };
}

function isNewer(resourceVersion: string | undefined, model: TrainedModel): boolean {
  const order = compareResourceVersions(resourceVersion, model.metadata.resourceVersion);
  return order !== undefined && order > 0;
}

/** The earliest time at which another process, such as the previous leader, may have written. */
function lastTransition(status: TrainedModelStatus | undefined, clock: Clock): MonotonicMs | undefined {
  const times = (status?.conditions ?? []).map(({ lastTransitionTime = '' }) =>
    Date.parse(lastTransitionTime),
  );
  const known = times.filter((time) => !Number.isNaN(time));
  if (known.length === 0) return undefined;
  // From another machine's clock, or from this one's before it was set: never treated as in the future.
  // eslint-disable-next-line no-restricted-syntax -- since a time that another process wrote
  const ago = Math.max(0, clock.now() - Math.max(...known));
  return (clock.monotonic() - ago) as MonotonicMs;
}

/** A merge patch replaces a list as a whole; null removes a field. */
function patchBody(
  { metadata: { uid, resourceVersion } }: TrainedModel,
  { conditions, url, address, observedGeneration }: TrainedModelStatus,
  scope: 'whole' | 'beside',
): object {
  // Never a namesake created since; and beside another writer, never over its newer write.
  const guard = { ...(uid && { uid }), ...(scope === 'beside' && resourceVersion && { resourceVersion }) };
  const whole = {
    url: url ?? null,
    address: address ?? null,
    observedGeneration: observedGeneration ?? null,
  };
  return { metadata: guard, status: { conditions, ...(scope === 'whole' && whole) } };
}
