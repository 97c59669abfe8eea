import { shortened } from '../../contract/cause-text.ts';
import { seconds } from '../../lib/clock.ts';
import type { Clock, EpochMs, MonotonicMs } from '../../lib/clock.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import type { ModelEvent } from './model-events.decide.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { apiVersionOf, EVENTS } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import type { EventAllowance } from './event-allowance.ts';

export type EventOutcome = 'created' | 'counted' | 'dropped' | 'failed';

export interface EventRecorder {
  /** Records an event in the background, best effort. Never throws. */
  record(regarding: KubernetesObject, event: ModelEvent): void;
  /** Resolves when no write is pending. */
  idle(): Promise<void>;
}

interface EventRecorderOptions {
  readonly client: ApiClient;
  /** The kind of the objects that events are about. */
  readonly resource: Resource;
  readonly clock: Clock;
  /** The pod's name. */
  readonly identity: string;
  readonly allowance: EventAllowance;
  readonly observe: (outcome: EventOutcome) => void;
}

/** How many events can be counted up instead of created again. */
const REMEMBERED = 2_000;
/** kubectl shows an event for an hour. A repeat within this time counts as the same event. */
const SAME_WITHIN = seconds(600);
const COMPONENT = 'kserve-mms';

/** Writes core/v1 Events, which `kubectl describe` shows. A repeated event is counted up. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, allowance, observe } = options;
  const recent = new Map<string, { readonly name: string; readonly at: MonotonicMs; count: number }>();
  const running = new Set<Promise<void>>();

  async function write(regarding: KubernetesObject, event: ModelEvent): Promise<void> {
    const namespace = regarding.metadata.namespace ?? '';
    const key = JSON.stringify([regarding.metadata.uid, event.reason, event.message]);
    const known = recent.get(key);
    const now = clock.now();
    if (known !== undefined && clock.monotonic() - known.at < SAME_WITHIN) {
      known.count += 1;
      const body = { count: known.count, lastTimestamp: timestamp(now) };
      await client.patch(EVENTS, { namespace, name: known.name }, { type: 'merge', body });
      observe('counted');
      return;
    }
    const name = `${regarding.metadata.name}.${now.toString(16)}${(sequence++ % 0x1000).toString(16).padStart(3, '0')}`;
    recent.delete(key);
    recent.set(key, { name, at: clock.monotonic(), count: 1 });
    for (const oldest of recent.keys()) {
      if (recent.size <= REMEMBERED) break;
      recent.delete(oldest);
    }
    await client.create(EVENTS, eventObject(options, regarding, event, name, timestamp(now)));
    observe('created');
  }

  let sequence = 0;
  return {
    record(regarding, event) {
      if (!allowance.take(regarding)) {
        observe('dropped');
        return;
      }
      // A failed event is not worth a retry.
      const work = write(regarding, event).catch(() => observe('failed'));
      running.add(work);
      void work.finally(() => running.delete(work));
    },
    async idle() {
      await Promise.all(running);
    },
  };
}

function eventObject(
  { resource, identity }: EventRecorderOptions,
  { metadata }: KubernetesObject,
  { type, reason, message }: ModelEvent,
  name: string,
  at: string,
): KubernetesObject {
  const { namespace = '', uid, resourceVersion } = metadata;
  return {
    metadata: { name, namespace },
    involvedObject: {
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      namespace,
      name: metadata.name,
      uid,
      resourceVersion,
    },
    type,
    reason,
    message: shortened(message, 1024),
    source: { component: COMPONENT, host: identity },
    reportingComponent: COMPONENT,
    reportingInstance: identity,
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  } as KubernetesObject;
}

function timestamp(now: EpochMs): string {
  return `${new Date(now).toISOString().slice(0, 19)}Z`;
}
