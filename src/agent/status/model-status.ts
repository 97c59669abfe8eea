import type { ModelStatus } from '../../contract/agent-status.ts';
import { servingHash } from '../engine/model-phase.decide.ts';
import type { EpochMs } from '../../lib/clock.ts';
import { specHash } from '../../contract/model-marker.ts';
import type { TrackedModel } from '../engine/tracked-model.ts';
import { viewOf } from '../engine/tracked-model.ts';

/** The document of one model. */
export function statusOf(tracked: Readonly<TrackedModel>): ModelStatus {
  const { name, phase, desired, attempts, times, since } = tracked;
  const serving = servingHash(viewOf(tracked));
  const wanted = desired === undefined ? null : oneOf(specHash(desired), tracked.loadedHash);
  const failed = phase.phase === 'Failed' ? phase : undefined;
  return {
    name,
    phase: phase.phase,
    specHash: wanted,
    servingSpecHash: serving === wanted ? wanted : serving,
    reason: failed?.reason ?? '',
    message: failed?.message ?? '',
    since: rfc3339(since),
    attempts,
    retryAt: failed?.retryAt === undefined ? null : rfc3339(failed.retryAt),
    bytes: phase.phase === 'Downloading' ? phase.bytes : tracked.bytes,
    times: { ...times },
  };
}

/** Returns one string for two equal ones: documents are kept, and hashes are their largest part. */
function oneOf(text: string, known: string | undefined): string {
  return text === known ? known : text;
}

/** A time of day as in the documents. */
export function rfc3339(time: EpochMs): string {
  return new Date(time).toISOString();
}
