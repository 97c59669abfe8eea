import { createModelSizes } from '../../agent/sources/model-sizes.ts';
import { DEFAULT_SOURCE_SETTINGS } from '../../agent/sources/settings.ts';
import { shownStorageUri } from '../../contract/storage-uri.ts';
import { eachAtOnce } from '../../lib/each-at-once.ts';
import { messageOf } from '../../lib/errors.ts';
import { isRecord } from '../../lib/json.ts';
import { bytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';
import { systemClock } from '../../lib/system-clock.ts';
import type { CommandIo } from '../io.ts';
import { storageUriOf } from './candidate.decide.ts';
import type { ReadFacts } from './read-facts.ts';

/** How many sources are asked at once, and for how long each. */
const AT_ONCE = 8;
const TIMEOUT_MS = 20_000;

/**
 * The facts with the sizes of all models, as their sources report them with the credentials of this environment.
 * Unknown sizes are noted.
 */
export async function withArtifactSizes(read: ReadFacts, io: CommandIo): Promise<ReadFacts> {
  const uris = new Set(
    read.facts.services.flatMap(({ spec }) =>
      isRecord(spec?.predictor) ? (storageUriOf(spec.predictor) ?? []) : [],
    ),
  );
  const { artifacts, failures } = await artifactSizes(uris, io);
  const [first] = failures;
  if (first === undefined) return { ...read, facts: { ...read.facts, artifacts } };
  const note = `the sizes of ${failures.length} of ${uris.size} artifacts are not known; of one since: ${first}`;
  return { ...read, facts: { ...read.facts, artifacts }, notes: [...read.notes, note] };
}

interface Asked {
  readonly artifacts: ReadonlyMap<string, Bytes>;
  readonly failures: readonly string[];
}

async function artifactSizes(uris: ReadonlySet<string>, io: CommandIo): Promise<Asked> {
  const { environment: env } = io;
  const interruption = io.interruption();
  const sources = createModelSizes({ env, settings: DEFAULT_SOURCE_SETTINGS, clock: systemClock });
  const artifacts = new Map<string, Bytes>();
  const failures: string[] = [];
  await eachAtOnce(uris, AT_ONCE, async (uri) => {
    try {
      const signal = AbortSignal.any([interruption, AbortSignal.timeout(TIMEOUT_MS)]);
      const size = await sources.sizeOf(uri, signal);
      if (size === undefined) failures.push(`${shownStorageUri(uri)}: its source does not say`);
      else artifacts.set(uri, bytes(size));
    } catch (thrown) {
      // This size is unknown; the others are still read.
      failures.push(messageOf(thrown));
    }
  });
  await sources.close();
  return { artifacts, failures };
}
