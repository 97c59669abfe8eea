import { lstat, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_MORE_WAITING } from '../../lib/abort.ts';
import { type Clock, seconds } from '../../lib/clock.ts';
import { MLSERVER_SETTINGS_FILE } from './mlserver-settings.decide.ts';
import { within } from '../files/held-directory.ts';
import { writeSettings } from './mlserver-artifact.ts';

const HIDDEN_FILE = '.model-settings.json';
/** More loads than this at once are a batch: a start, or a server that has lost all models. */
const FEW = 4;
/** How long after the last load of a batch all settings are shown again. */
const SHOW_AFTER = seconds(2);

/** The settings files of one MLServer's repository. */
export interface MlserverSettings {
  /** Whether some are hidden, so that the server's index is incomplete. */
  readonly hidden: () => boolean;
  /** Shows the settings that a killed agent left hidden. */
  readonly showAll: () => Promise<void>;
  /** Runs the work while the model's settings are visible. */
  readonly during: <T>(
    name: string,
    directory: string,
    framework: string,
    work: () => Promise<T>,
  ) => Promise<T>;
}

/**
 * MLServer (1.7.1) reads the settings of all models for each load, about 1 ms a model: 200 models take it 41 s, 1,000
 * many minutes. During a batch of loads, the settings of the other models are renamed to hide them. MLServer needs
 * settings for nothing else. After the batch all are shown again.
 *
 * @param keepHidden hides all settings except those of loading models. Where models come and go, each load would
 * otherwise stop the server for a millisecond a model
 */
export function mlserverSettings(
  modelDir: string,
  clock: Clock,
  keepHidden: () => boolean,
): MlserverSettings {
  const open = new Set<string>();
  let hidden = false;
  let batch = new AbortController();
  /** A running hide or show. A load that begins meanwhile waits, or its own settings would be lost. */
  let turning: Promise<void> = Promise.resolve();
  const directories = async () =>
    (await readdir(modelDir, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name);
  const showAll = async () => {
    for (const name of await directories())
      await renamed(join(modelDir, name), HIDDEN_FILE, MLSERVER_SETTINGS_FILE);
    hidden = false;
  };
  const hideOthers = async () => {
    hidden = true;
    for (const name of await directories()) {
      if (!open.has(name)) await renamed(join(modelDir, name), MLSERVER_SETTINGS_FILE, HIDDEN_FILE);
    }
  };
  const finish = async () => {
    const { signal } = batch;
    await clock.sleep(SHOW_AFTER, signal);
    if (signal.aborted) return;
    turning = showAll();
    await turning;
  };
  return {
    showAll,
    hidden: () => hidden,
    during: async (name, directory, framework, work) => {
      batch.abort(NO_MORE_WAITING);
      open.add(name);
      try {
        if (!hidden && (keepHidden() || open.size > FEW)) turning = hideOthers();
        await turning;
        await renamed(directory, HIDDEN_FILE, MLSERVER_SETTINGS_FILE);
        await writeSettings(name, directory, framework);
        return await work();
      } finally {
        open.delete(name);
        if (hidden) await renamed(directory, MLSERVER_SETTINGS_FILE, HIDDEN_FILE);
        if (hidden && open.size === 0 && !keepHidden()) {
          batch = new AbortController();
          void finish().catch(() => undefined);
        }
      }
    },
  };
}

/** Renames a file of a directory if it exists and the target does not: an artifact may bring both. */
async function renamed(directory: string, from: string, to: string): Promise<void> {
  await within(directory, async (held) => {
    const taken = await lstat(join(held, to)).then(
      () => true,
      () => false,
    );
    if (!taken) await rename(join(held, from), join(held, to));
  }).catch((thrown: unknown) => {
    const { code } = thrown as NodeJS.ErrnoException;
    // Nothing to rename, or a stray file or link instead of the directory.
    if (code !== 'ENOENT' && code !== 'PLANTED_ENTRY') throw thrown;
  });
}
