import { milliseconds, seconds } from '../lib/clock.ts';
import type { Clock, MonotonicMs } from '../lib/clock.ts';
import { keepLatest } from '../lib/keep-latest.ts';
import type { AnyReflector } from '../kube/cluster-view.ts';
import type { Advice } from './page-documents.decide.ts';
import type { Surroundings } from './page-surroundings.ts';

/** The longest that advice is cached: it may depend on time alone, such as how long a state has lasted. */
const KEPT_FOR = seconds(10);
/**
 * While changes keep coming, explaining takes at most a tenth of the time, whatever the number of viewers. For 10,000
 * models it takes 0.1 s.
 */
const KEPT_FOR_TIMES = 10;
/** How many objects are cached. */
const KEPT = 16;

interface Kept {
  readonly madeAt: MonotonicMs;
  readonly busyUntil: MonotonicMs;
  readonly pods: string;
  readonly advice: Advice | null;
}

type KeepAdvice = (what: string, pods: Surroundings['pods'], make: () => Advice | null) => Advice | null;

/** Explains an object again only when this replica has seen a change, not for each viewer. */
export function adviceKeeper(
  caches: readonly Pick<AnyReflector, 'heardAt'>[],
  clock: Pick<Clock, 'monotonic'>,
): KeepAdvice {
  const kept = new Map<string, Kept>();
  const isCurrent = (before: Kept, pods: string, now: MonotonicMs): boolean => {
    if (now < before.busyUntil) return true;
    // A change in the millisecond of the explanation may have come after it.
    const isUnchanged = caches.every(({ heardAt = 0 }) => heardAt < before.madeAt) && before.pods === pods;
    return isUnchanged && now < before.madeAt + KEPT_FOR;
  };
  return (what, pods, make) => {
    const madeAt = clock.monotonic();
    const version = versionOf(pods);
    const before = kept.get(what);
    if (before !== undefined && isCurrent(before, version, madeAt)) return before.advice;
    const advice = make();
    const took = clock.monotonic() - madeAt;
    const busyUntil = (madeAt + milliseconds(took * KEPT_FOR_TIMES)) as MonotonicMs;
    keepLatest(kept, what, { madeAt, busyUntil, pods: version, advice }, KEPT);
    return advice;
  };
}

function versionOf(pods: Surroundings['pods']): string {
  if (pods.kind === 'unreadable') return pods.why;
  return pods.value.map(({ metadata }) => `${metadata.uid ?? ''} ${metadata.resourceVersion ?? ''}`).join();
}
