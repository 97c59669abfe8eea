import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, milliseconds, seconds } from '../../lib/clock.ts';
import { describeFaults, type ModelSet, readDesiredModels } from './desired-models.decide.ts';
import { messageOf } from '../../lib/errors.ts';
import { MODELS_JSON, RESIDENCY_JSON } from '../../contract/names.ts';
import { decodeResidency, type ResidencyReading } from '../../contract/residency.ts';

/** Kubelet's swap is seen at once by the watch; the poll is for filesystems and moments where the watch is blind. */
const POLL = seconds(2);
/** Writing the file itself makes several events; they are read as one. */
const SETTLE = milliseconds(5);

export type ConfigReading =
  | { readonly kind: 'good'; readonly models: ModelSet; readonly hash: string }
  /** `message` says what is wrong and where; whatever was good before stays. */
  | { readonly kind: 'faulty'; readonly message: string };

/** `none`: there is no such file, and the flags hold. */
export type ResidencyFileReading = ResidencyReading | { readonly kind: 'none' };

/**
 * Reads `<configDir>/models.json` and again whenever its content changes, until the signal aborts. The directory may be
 * missing at first, or be replaced: kubelet swaps the symlink `..data` in it, others write or rename the file itself.
 * The same content, good or faulty, is reported once. So is residency.json beside it, and before it: whether there is one
 * decides what becomes of the models.
 */
export async function watchModelConfig(
  configDir: string,
  clock: Clock,
  signal: AbortSignal,
  report: (reading: ConfigReading) => void,
  reportResidency: (reading: ResidencyFileReading) => void,
): Promise<void> {
  const residency = newReader(join(configDir, RESIDENCY_JSON));
  const models = newReader(join(configDir, MODELS_JSON));
  const bell = newBell();
  const directory = watchDirectory(configDir, bell.ring);
  let polled = false;
  while (!signal.aborted) {
    directory.ensure();
    const residencyNow = await residency(polled);
    if (residencyNow !== undefined) reportResidency(residencyIn(residencyNow));
    const modelsNow = await models(polled);
    if (modelsNow !== undefined) report(modelsIn(modelsNow));
    polled = await bell.wait(clock, signal);
  }
  directory.close();
}

/** Reads `<configDir>/residency.json` as it is now. */
export function readResidencyFile(configDir: string): ResidencyFileReading {
  return residencyIn(contentOf(join(configDir, RESIDENCY_JSON)));
}

/** `content` is another one whenever there is something to report. */
type FileContent =
  | { readonly path: string; readonly content: string; readonly bytes: Buffer }
  | { readonly path: string; readonly content: string; readonly thrown: unknown };

/** Gives what is in a file whenever that is something else than before. */
type Reader = (polled: boolean) => Promise<FileContent | undefined>;

/**
 * A file that a poll finds untouched since the poll before is not even read: a models.json with 10,000 models, read and decoded
 * every two seconds, kept 90 MiB of garbage in an agent that does nothing. One poll more than that is read, since two writes
 * may come within one tick of the file system's clock.
 */
function newReader(path: string): Reader {
  let content: string | undefined;
  let untouched: string | undefined;
  return async (polled) => {
    const stamp = polled ? await stampOf(path) : undefined;
    if (stamp !== undefined && stamp === untouched) return undefined;
    untouched = stamp;
    const file = contentOf(path);
    if (file.content === content) return undefined;
    content = file.content;
    return file;
  };
}

/** Another one for each file that comes to a path, and for each change of it; undefined where there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  return stat(path, { bigint: true }).then(
    ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(' '),
    () => undefined,
  );
}

/** Read at once: four turns of a thread take longer than to read, and less than to decode. */
function contentOf(path: string): FileContent {
  try {
    const bytes = readFileSync(path);
    return { path, content: createHash('sha256').update(bytes).digest('hex'), bytes };
  } catch (thrown) {
    return { path, content: `unreadable ${messageOf(thrown)}`, thrown };
  }
}

function residencyIn(file: FileContent): ResidencyFileReading {
  if ('bytes' in file) return decodeResidency(file.bytes.toString());
  if ((file.thrown as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' };
  return { kind: 'bad', message: unreadable(file.path, file.thrown) };
}

function modelsIn(file: FileContent): ConfigReading {
  const { path, content } = file;
  if (!('bytes' in file)) return { kind: 'faulty', message: unreadable(path, file.thrown) };
  const desired = readDesiredModels(file.bytes.toString());
  return desired.kind === 'good'
    ? { kind: 'good', models: desired.models, hash: content }
    : { kind: 'faulty', message: `${path}: ${describeFaults(desired.faults)}` };
}

function unreadable(path: string, thrown: unknown): string {
  return `cannot read ${path}: ${messageOf(thrown)}`;
}

/** Kubelet's link to the files as they are now: it is renamed, so that what it leads to is whole. Source: kubelet's atomic_writer.go */
const SWAPPED = '..data';

interface Bell {
  /** @param whole what is there can be read at once */
  readonly ring: (whole: boolean) => void;
  /** Resolves with true when nothing has rung. */
  readonly wait: (clock: Clock, signal: AbortSignal) => Promise<boolean>;
}

/** Wakes the reader on an event, at the latest after a poll interval. */
function newBell(): Bell {
  let rung = false;
  let settled = false;
  let wake = new AbortController();
  let settle = new AbortController();
  return {
    ring: (whole) => {
      rung = true;
      settled ||= whole;
      wake.abort(NO_MORE_WAITING);
      if (whole) settle.abort(NO_MORE_WAITING);
    },
    wait: async (clock, signal) => {
      if (!rung) await clock.sleep(POLL, AbortSignal.any([signal, wake.signal]));
      if (!settled) await clock.sleep(SETTLE, AbortSignal.any([signal, settle.signal]));
      const polled = !rung;
      [rung, settled] = [false, false];
      [wake, settle] = [new AbortController(), new AbortController()];
      return polled;
    },
  };
}

/** A watch that is set up again when the directory went away or was replaced. */
function watchDirectory(path: string, ring: Bell['ring']): { ensure(): void; close(): void } {
  let watcher: FSWatcher | undefined;
  const drop = () => {
    watcher?.close();
    watcher = undefined;
  };
  return {
    close: drop,
    ensure: () => {
      if (watcher !== undefined) return;
      try {
        watcher = watch(path, (event, name) => {
          // The directory itself was moved or removed: this watch sees nothing of what comes in its place.
          if (event === 'rename' && name === lastPart(path)) drop();
          ring(event === 'rename' && name === SWAPPED);
        });
        watcher.on('error', drop);
      } catch {
        // Not there yet; the poll comes back here.
      }
    },
  };
}

function lastPart(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? '';
}
