import { isRecord } from '../../lib/json.ts';
import type { JsonObject, JsonValue } from '../../lib/json.ts';
import type { ModelRequest } from '../../contract/model-request.ts';
import type { RuntimeOffer } from '../../contract/serving-runtime.ts';

const MODEL_CLASS_LABEL = 'modelClass';
const DEFAULT_MODEL_CLASS = 'mlserver_sklearn.SKLearnModel';
const MODEL_CLASSES: ReadonlyMap<string, string> = new Map([
  ['xgboost', 'mlserver_xgboost.XGBoostModel'],
  ['lightgbm', 'mlserver_lightgbm.LightGBMModel'],
  ['mlflow', 'mlserver_mlflow.MLflowRuntime'],
]);
const LOAD_AT_STARTUP_ENV = 'MLSERVER_LOAD_MODELS_AT_STARTUP';
const CONTROL_MODE_FLAG = '--model-control-mode';

/** A predictor's request, the labels for its placeholders, and the additions for the kind of server. */
interface ServerDefaults {
  readonly overrides: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * KServe's additions for servers whose models the agent loads and unloads (`SetMlServerDefaults`, `SetTritonDefaults`):
 * neither server may load models at startup, and MLServer's runtime reads the model's class from a label.
 */
export function withServerDefaults(
  { serverType }: RuntimeOffer,
  { overrides, format }: ModelRequest,
  labels: Readonly<Record<string, string>>,
): ServerDefaults {
  switch (serverType) {
    case 'mlserver':
      return {
        overrides: { ...overrides, env: withVariable(overrides['env'], LOAD_AT_STARTUP_ENV, 'false') },
        labels: { ...labels, [MODEL_CLASS_LABEL]: MODEL_CLASSES.get(format.name) ?? DEFAULT_MODEL_CLASS },
      };
    case 'tritonserver':
      return { overrides: { ...overrides, args: withFlag(overrides['args']) }, labels };
    case undefined:
      return { overrides, labels };
  }
}

/** Unless the user has set it. */
function withVariable(env: JsonValue | undefined, name: string, value: string): JsonValue {
  if (env != null && !Array.isArray(env)) return env;
  const given = env ?? [];
  return given.some((entry) => isRecord(entry) && entry['name'] === name)
    ? given
    : [...given, { name, value }];
}

function withFlag(args: JsonValue | undefined): JsonValue {
  if (args != null && !Array.isArray(args)) return args;
  const given = args ?? [];
  const isGiven = given.some((arg) => typeof arg === 'string' && arg.startsWith(CONTROL_MODE_FLAG));
  return isGiven ? given : [...given, `${CONTROL_MODE_FLAG}=explicit`];
}
