/** A model-settings.json of an artifact; the keys are MLServer's. */
export interface FoundSettings {
  /** Relative to the artifact, `/` between; `model-settings.json` for the one at the top. */
  readonly path: string;
  /** Undefined: it is no JSON object, and MLServer (1.7.1) passes it by. */
  readonly settings: Readonly<Record<string, unknown>> | undefined;
}

/** The file by which MLServer finds models, at any depth of its repository. */
export const MLSERVER_SETTINGS_FILE = 'model-settings.json';

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

/** Frameworks whose models are one file, which their runtimes find by `parameters.uri`. */
const ONE_FILE: ReadonlySet<string> = new Set(['sklearn', 'xgboost', 'lightgbm', 'catboost']);

/**
 * Which settings files to write, by their paths, so that MLServer loads an artifact under the model's name.
 *
 * MLServer (measured on 1.7.1) answers 404 for a name that no model-settings.json has, and loads every one that has it, each
 * with its version. An artifact with settings keeps them, wherever they are: only their `name` is made the model's, since two
 * models from one artifact would both answer to the artifact's name. Where they have several names, those that have the
 * model's are meant, else those that have the name of the one at the top; without that it cannot be told, and MLServer says
 * that it does not find the model.
 *
 * An artifact without settings gets one at the top that says its name and, for a framework with a known runtime, its
 * implementation; for the others MLSERVER_MODEL_IMPLEMENTATION of the server decides.
 *
 * MLServer's runtimes look for a few names, such as model.joblib; for the rest sklearn's fails with "Is a directory". Where the
 * model is one file that is no `model.…`, the settings name it.
 *
 * @param inner the directory that holds the model where the top holds nothing but that: an archive of one directory
 * @param lone the one file of that directory, where it holds nothing else
 */
export function mlserverSettingsFor(
  model: {
    readonly name: string;
    readonly framework: string;
    readonly inner: string;
    readonly lone: string | undefined;
  },
  found: readonly FoundSettings[],
): ReadonlyMap<string, Readonly<Record<string, unknown>>> {
  const { name, framework } = model;
  const readable = found.flatMap(({ path, settings }) =>
    settings === undefined ? [] : [{ path, settings }],
  );
  if (readable.length === 0) {
    if (found.some(({ path }) => path === MLSERVER_SETTINGS_FILE)) return new Map();
    const implementation = IMPLEMENTATIONS.get(framework.toLowerCase());
    const place = placeOf(model);
    const made = {
      ...(implementation !== undefined && { implementation }),
      ...(place !== '' && { parameters: { uri: `./${place}` } }),
      name,
    };
    return new Map([[MLSERVER_SETTINGS_FILE, made]]);
  }
  const names = new Set(readable.map(({ settings }) => settings['name']));
  const top = readable.find(({ path }) => path === MLSERVER_SETTINGS_FILE);
  if (!names.has(name) && names.size > 1 && top === undefined) return new Map();
  const meant = names.has(name) ? name : (top ?? readable[0])?.settings['name'];
  return new Map(
    readable
      .filter(({ settings }) => settings['name'] === meant && settings['name'] !== name)
      .map(({ path, settings }) => [path, { ...settings, name }]),
  );
}

/** Where MLServer's runtime has to look for the model; empty: at the top, where it looks by itself. */
function placeOf({
  framework,
  inner,
  lone,
}: {
  readonly framework: string;
  readonly inner: string;
  readonly lone: string | undefined;
}): string {
  const isOneFile = ONE_FILE.has(framework.toLowerCase());
  const isFound = lone === undefined || /(^|\/)model\.[^/]+$/.test(lone);
  return isOneFile && !isFound ? lone : inner;
}
