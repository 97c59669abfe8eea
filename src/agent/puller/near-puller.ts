import type { Clock } from '../../lib/clock.ts';
import { MmsError } from '../../lib/errors.ts';
import { keepLatest } from '../../lib/keep-latest.ts';
import type { RemoteFile } from '../sources/source.ts';
import type { Puller, PullRequest } from './contract.ts';
import { createPulls, type InProcessPullerOptions } from './in-process-puller.ts';
import { isNear, mayBeNear, NEAR, NEAR_BUDGET } from './near.ts';

/** The number of URIs remembered whose models are too large to fetch here. A forgotten one is found again. */
const FAR_KEPT = 1_000;

/** A file that this process must not fetch. The error stays inside this module. */
class FarModelError extends MmsError {
  readonly code = 'FAR_MODEL';
  readonly retryable = true;

  /** Not only now. */
  readonly always: boolean;

  constructor(message: string, always: boolean) {
    super(message);
    this.always = always;
  }
}

/**
 * Fetches small models in this process ({@link NEAR}), and leaves the others to `far`. This process runs already, so it
 * has small models sooner than one that must start; and the memory for large ones is freed when the other process ends.
 * @throws InvalidNetworkError when `settings.deniedNetworks` holds something that is not a network.
 */
export function createNearPuller(options: InProcessPullerOptions, far: Puller): Puller {
  const budget = createBudget(options.clock);
  const near = createPulls(options, {
    admission: () => admission(budget.spend),
    left: (thrown) => (thrown instanceof FarModelError ? thrown : undefined),
  });
  const knownFar = new Map<string, true>();
  let running = 0;
  const pullNear: typeof near.pull = async (request, signal, onProgress) => {
    running += 1;
    try {
      return await near.pull(request, signal, onProgress);
    } finally {
      running -= 1;
    }
  };
  const goesFar = ({ storageUri }: PullRequest): boolean =>
    running >= NEAR.atOnce || knownFar.has(storageUri) || !mayBeNear(storageUri) || !budget.begin();
  return {
    pull: async (request, signal, onProgress) => {
      if (goesFar(request)) return far.pull(request, signal, onProgress);
      const result = await pullNear(request, signal, onProgress);
      if (!(result instanceof FarModelError)) return result;
      if (result.always) keepLatest(knownFar, request.storageUri, true, FAR_KEPT);
      return far.pull(request, signal, onProgress);
    },
    stop: async () => {
      await Promise.all([near.stop(), far.stop()]);
    },
  };
}

/** Counts admitted bytes, not received ones: several files of a model come at the same time. */
function admission(spend: (bytes: number) => boolean): (file: RemoteFile) => void {
  let [files, bytes] = [0, 0];
  return (file) => {
    if (!isNear({ files, bytes }, file)) throw new FarModelError('it is fetched by the other process', true);
    const newMemory = file.reusesBuffers === true ? 0 : (file.size ?? 0);
    if (!spend(newMemory)) throw new FarModelError('too much was fetched here lately', false);
    files += 1;
    bytes += file.size ?? 0;
  };
}

/** Limits the fetches of this process for a period. Each method returns whether the fetch fits, and counts it if so. */
interface Budget {
  /** One more model. */
  begin(): boolean;
  /** This many more bytes. */
  spend(bytes: number): boolean;
}

function createBudget(clock: Clock): Budget {
  let since = clock.monotonic();
  let [models, spent] = [0, 0];
  const renew = (): void => {
    const now = clock.monotonic();
    if (now - since >= NEAR_BUDGET.everyMs) [since, models, spent] = [now, 0, 0];
  };
  return {
    begin: () => {
      renew();
      if (models >= NEAR_BUDGET.models || spent >= NEAR_BUDGET.bytes) return false;
      models += 1;
      return true;
    },
    spend: (bytes) => {
      renew();
      if (spent + bytes > NEAR_BUDGET.bytes) return false;
      spent += bytes;
      return true;
    },
  };
}
