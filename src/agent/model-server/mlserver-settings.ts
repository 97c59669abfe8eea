import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../core/json.ts';

const SETTINGS_FILE = 'model-settings.json';

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
export async function writeMlserverSettings(
  name: string,
  directory: string,
  framework: string,
): Promise<void> {
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
