import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_MORE_WAITING } from '../../core/abort.ts';
import { type Clock, seconds } from '../../core/clock.ts';
import { isRecord } from '../../core/json.ts';

const SETTINGS_FILE = 'model-settings.json';
const HIDDEN_FILE = '.model-settings.json';
/** More loads than this at once are a batch: a start, or a server that has lost everything. */
const FEW = 4;
/** How long after the last load of a batch all settings are shown again. */
const SHOW_AFTER = seconds(2);

/**
 * The runtime class of each framework; the same as the `modelClass` labels of KServe's kserve-mlserver runtime
 * (config/runtimes/kserve-mlserver.yaml).
 */
const IMPLEMENTATIONS = new Map([
  ['sklearn', 'mlserver_sklearn.SKLearnModel'],
  ['xgboost', 'mlserver_xgboost.XGBoostModel'],
  ['lightgbm', 'mlserver_lightgbm.LightGBMModel'],
  ['mlflow', 'mlserver_mlflow.MLflowRuntime'],
  ['catboost', 'mlserver_catboost.CatboostModel'],
  ['huggingface', 'mlserver_huggingface.HuggingFaceRuntime'],
]);

/**
 * MLServer (measured on 1.7.1) finds models only by their model-settings.json and answers 404 for a directory without
 * one. An artifact without it gets one that says its name and, for a framework with a known runtime, its
 * implementation; for the others MLSERVER_MODEL_IMPLEMENTATION of the server decides. An artifact with one keeps it,
 * only its `name` is made the model's: two models from one artifact would both answer to the artifact's name.
 */
async function writeSettings(name: string, directory: string, framework: string): Promise<void> {
  const path = join(directory, SETTINGS_FILE);
  const settings = await readSettings(path);
  if (settings === 'unreadable' || settings?.['name'] === name) return;
  const implementation = IMPLEMENTATIONS.get(framework.toLowerCase());
  const made = settings ?? (implementation === undefined ? {} : { implementation });
  // Renamed into place: the server may list the repository at any moment.
  await writeFile(`${path}.new`, `${JSON.stringify({ ...made, name })}\n`, { mode: 0o666 });
  await rename(`${path}.new`, path);
}

/** The artifact's own settings; undefined when it has none. An unreadable file is left for the server to complain. */
async function readSettings(path: string): Promise<Record<string, unknown> | 'unreadable' | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'unreadable';
  }
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? parsed : 'unreadable';
  } catch {
    return 'unreadable';
  }
}

/** The settings files of one MLServer's repository. */
export interface MlserverSettings {
  /** Whether some are hidden, so that the server's index does not tell all. */
  readonly hidden: () => boolean;
  /** Shows what a killed agent left hidden. */
  readonly showAll: () => Promise<void>;
  /** Does the work with the model's settings in sight. */
  readonly during: <T>(
    name: string,
    directory: string,
    framework: string,
    work: () => Promise<T>,
  ) => Promise<T>;
}

/**
 * MLServer (1.7.1) reads the settings of all models for each load, about 1 ms a model: 200 models take it 41 s, 1,000
 * many minutes. In a batch of loads those of the models that are not being loaded are hidden from it, under a name that
 * it does not look for; it needs them for nothing else. Afterwards all are shown again.
 */
export function mlserverSettings(modelDir: string, clock: Clock): MlserverSettings {
  const open = new Set<string>();
  let hidden = false;
  let batch = new AbortController();
  /** Hiding or showing that is under way; a load that begins meanwhile waits, or its own settings would be lost in it. */
  let turning: Promise<void> = Promise.resolve();
  const directories = async () => (await readdir(modelDir)).filter((name) => !name.startsWith('.'));
  const showAll = async () => {
    for (const name of await directories()) await renamed(join(modelDir, name), HIDDEN_FILE, SETTINGS_FILE);
    hidden = false;
  };
  const hideOthers = async () => {
    hidden = true;
    for (const name of await directories()) {
      if (!open.has(name)) await renamed(join(modelDir, name), SETTINGS_FILE, HIDDEN_FILE);
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
        if (!hidden && open.size > FEW) turning = hideOthers();
        await turning;
        await renamed(directory, HIDDEN_FILE, SETTINGS_FILE);
        await writeSettings(name, directory, framework);
        return await work();
      } finally {
        open.delete(name);
        if (hidden) await renamed(directory, SETTINGS_FILE, HIDDEN_FILE);
        if (hidden && open.size === 0) {
          batch = new AbortController();
          void finish().catch(() => undefined);
        }
      }
    },
  };
}

/** Renames a file of a directory if it is there; a stray file in the directory's place holds none. */
async function renamed(directory: string, from: string, to: string): Promise<void> {
  await rename(join(directory, from), join(directory, to)).catch((thrown: unknown) => {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw thrown;
  });
}
