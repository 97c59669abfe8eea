import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Milliseconds, milliseconds, seconds } from '../../lib/clock.ts';
import { describeFaults, type ModelSet, readDesiredModels } from './desired-models.decide.ts';
import { messageOf } from '../../lib/errors.ts';
import { MODELS_JSON, RESIDENCY_JSON } from '../../contract/names.ts';
import { decodeResidency, type ResidencyReading } from '../../contract/residency.ts';

/** The watch sees kubelet's swap at once. The poll is for filesystems and moments where the watch sees nothing. */
const POLL = seconds(2);
/** Writing the file directly makes several events; they cause one read. */
const SETTLE = milliseconds(5);

export type ConfigReading =
  | { readonly kind: 'good'; readonly models: ModelSet; readonly hash: string }
  /** `message` says what is wrong and where. The last good content stays in force. */
  | { readonly kind: 'faulty'; readonly message: string };

/** `none`: there is no such file, and the flags apply. */
export type ResidencyFileReading = ResidencyReading | { readonly kind: 'none' };

/**
 * Reads `<configDir>/models.json` and again whenever its content changes, until the signal aborts. The directory may be
 * missing at first, or be replaced: kubelet swaps the symlink `..data` in it, others write or rename the file.
 * The same content, good or faulty, is reported once. residency.json beside it is watched too, and reported first,
 * because it decides how the models are handled.
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

/** `content` is a new object whenever there is something to report. */
type FileContent =
  | { readonly path: string; readonly content: string; readonly bytes: Buffer }
  | { readonly path: string; readonly content: string; readonly thrown: unknown };

/** Returns a file's content whenever it differs from the last one. */
type Reader = (polled: boolean) => Promise<FileContent | undefined>;

/**
 * A file that did not change between two polls is not read. An idle agent with a models.json of 10,000 models, read and
 * decoded every two seconds, kept 90 MiB of garbage. After a change it is read at one more poll, since two writes may
 * fall within one tick of the file system's clock.
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

/** Differs for each file at a path and for each change of it. Undefined if there is none. */
async function stampOf(path: string): Promise<string | undefined> {
  return stat(path, { bigint: true }).then(
    ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(' '),
    () => undefined,
  );
}

/**
 * Reads synchronously: handing the read to a thread takes four turns, longer than the read and shorter than decoding.
 */
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

/**
 * Kubelet's link to the current files. It is replaced by a rename, so its target is complete. Source: kubelet's
 * atomic_writer.go
 */
const SWAPPED = '..data';

interface Bell {
  /** @param whole the files can be read at once */
  readonly ring: (whole: boolean) => void;
  /** Resolves with true if no event came. */
  readonly wait: (clock: Clock, signal: AbortSignal) => Promise<boolean>;
}

/** Wakes the reader on an event, or after a poll interval at the latest. */
function newBell(): Bell {
  let rung = false;
  let settled = false;
  let wake: { readonly whole: boolean; readonly now: () => void } | undefined;
  /** A sleep that an event ends goes on alone: to cut it short takes longer than to let it end. */
  const pause = (span: Milliseconds, whole: boolean, clock: Clock, signal: AbortSignal): Promise<void> =>
    new Promise((now) => {
      wake = { whole, now };
      void clock.sleep(span, signal).then(now);
    });
  return {
    ring: (whole) => {
      rung = true;
      settled ||= whole;
      if (whole || wake?.whole === false) wake?.now();
    },
    wait: async (clock, signal) => {
      if (!rung) await pause(POLL, false, clock, signal);
      if (!settled) await pause(SETTLE, true, clock, signal);
      const polled = !rung;
      [rung, settled] = [false, false];
      return polled;
    },
  };
}

/** A watch that is set up again when the directory disappears or is replaced. */
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
          // The directory itself was moved or removed: this watch does not see its replacement.
          if (event === 'rename' && name === lastPart(path)) drop();
          ring(event === 'rename' && name === SWAPPED);
        });
        watcher.on('error', drop);
      } catch {
        // It does not exist yet. The poll tries again.
      }
    },
  };
}

function lastPart(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? '';
}
