/** A model-settings.json of an artifact; the keys are MLServer's. */
export interface FoundSettings {
  /** Relative to the artifact, with `/` between; `model-settings.json` for the one at the top. */
  readonly path: string;
  /** Undefined if it is not a JSON object; MLServer (1.7.1) then ignores it. */
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

/** Frameworks whose models are one file, which their runtimes find through `parameters.uri`. */
const ONE_FILE: ReadonlySet<string> = new Set(['sklearn', 'xgboost', 'lightgbm', 'catboost']);

/**
 * Which settings files to write, by their paths, so that MLServer loads an artifact under the model's name.
 *
 * MLServer (measured on 1.7.1) answers 404 for a name without a model-settings.json, and loads every one with that
 * name, each with its version. An artifact keeps its settings, wherever they are. Only their `name` becomes the
 * model's, since two models from one artifact would otherwise both answer to the artifact's name. If the settings have
 * several names, those with the model's name count, else those with the name of the one at the top. Without one at the
 * top the choice is open, and MLServer reports that it does not find the model.
 *
 * An artifact without settings gets one at the top with its name and, for a framework with a known runtime, its
 * implementation. For the others the server's MLSERVER_MODEL_IMPLEMENTATION applies.
 *
 * MLServer's runtimes look for a few names, such as model.joblib. With other names sklearn's fails with "Is a
 * directory". If the model is one file that is not named `model.…`, the settings name it.
 *
 * @param inner the directory that holds the model if the top holds nothing else: an archive of one directory
 * @param lone the one file of that directory, if it holds nothing else
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

/** Where MLServer's runtime must look for the model. Empty for the top, where it looks by default. */
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
