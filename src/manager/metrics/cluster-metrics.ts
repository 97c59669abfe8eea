import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Clock } from '../../lib/clock.ts';
import type { Reflector } from '../../kube/reflector.ts';
import type { ReflectorEvent } from '../../kube/reflector-types.ts';
import type { KubernetesObject } from '../../contract/kubernetes.ts';
import type { RequestEvent } from '../../kube/transport.ts';
import { DURATION_BUCKETS } from './buckets.ts';

/** The parts of a cache that metrics need. */
export type ObservedCache = Pick<Reflector<KubernetesObject>, 'cache' | 'heardAt'>;

export interface ClusterMetrics {
  apiRequest(request: RequestEvent): void;
  reflector(resource: string, event: ReflectorEvent): void;
  /** Read at each scrape; by the same names that `reflector` gets. */
  observeCaches(caches: ReadonlyMap<string, ObservedCache>, clock: Clock): void;
  leading(isLeader: boolean): void;
}

export function clusterMetrics(registry: Registry): ClusterMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'mms_api_request_duration_seconds',
    help: 'Time of a request to the API server, by verb and resource; of a watch, until it is open.',
    labelNames: ['verb', 'resource'] as const,
    buckets: DURATION_BUCKETS,
    registers,
  });
  const requests = new Counter({
    name: 'mms_api_requests_total',
    help: 'Requests to the API server, by verb, resource and HTTP status or error code.',
    labelNames: ['verb', 'resource', 'code'] as const,
    registers,
  });
  const events = new Counter({
    name: 'mms_reflector_events_total',
    help: 'What happens to the watches: lists, watches opened and ended, retries.',
    labelNames: ['resource', 'event'] as const,
    registers,
  });
  const leader = new Gauge({
    name: 'mms_leader',
    help: '1 on the replica that reconciles, 0 on the others.',
    registers,
  });
  leader.set(0);
  return {
    apiRequest: ({ verb, resource, code, duration }) => {
      requests.inc({ verb, resource, code: String(code) });
      durations.observe({ verb, resource }, duration / 1000);
    },
    reflector: (resource, event) => events.inc({ resource, event: event.type }),
    observeCaches: cacheMetrics(registry),
    leading: (isLeader) => leader.set(isLeader ? 1 : 0),
  };
}

function cacheMetrics(registry: Registry): ClusterMetrics['observeCaches'] {
  const shared = { labelNames: ['resource'] as const, registers: [registry] };
  let each = (_tell: (resource: string, cache: ObservedCache, now: number) => void): void => undefined;
  new Gauge({
    name: 'mms_cache_synced',
    help: '1 once the cache is complete, by resource.',
    ...shared,
    collect() {
      each((resource, { cache }) => this.set({ resource }, cache.synced ? 1 : 0));
    },
  });
  new Gauge({
    name: 'mms_cache_objects',
    help: 'Objects in the cache, by resource.',
    ...shared,
    collect() {
      each((resource, { cache }) => this.set({ resource }, count(cache.list())));
    },
  });
  new Gauge({
    name: 'mms_cache_age_seconds',
    help: 'Time since the API server last reported the resource: a change, a bookmark or a whole list.',
    ...shared,
    collect() {
      each((resource, { heardAt }, now) => {
        if (heardAt !== undefined) this.set({ resource }, Math.max(0, now - heardAt) / 1000);
      });
    },
  });
  return (caches, clock) => {
    each = (visit) => {
      for (const [resource, cache] of caches) visit(resource, cache, clock.monotonic());
    };
  };
}

function count(objects: Iterable<unknown>): number {
  let size = 0;
  for (const _ of objects) size += 1;
  return size;
}
