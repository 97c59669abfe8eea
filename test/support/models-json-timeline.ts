import type { ModelConfigEntry } from '../../src/contract/model-config.ts';

/** How long models.json differed from what was wanted. */
export interface TimelineVerdict {
  /** Judged changes of what is wanted. */
  readonly changes: number;
  /** Observed versions of models.json. */
  readonly versions: number;
  /**
   * The longest time from a change to the last moment at which models.json did not show it, in milliseconds. If a
   * model was right and is wrong in one version, the time counts from the change: there is no grace for going back.
   */
  readonly slowest: { readonly add: number; readonly update: number; readonly remove: number };
  /** How often a model that was right became wrong without a change. */
  readonly relapses: number;
  /** Models that were never wanted. */
  readonly strangers: readonly string[];
}

interface Intent {
  readonly kind: 'add' | 'update' | 'remove';
  readonly at: number;
  readonly storageUri: string | undefined;
  wrong: boolean;
  hasBeenRight: boolean;
}

/**
 * Compares every version of a models.json with what was wanted at the time. Times are milliseconds of any one clock.
 */
export interface ModelsJsonTimeline {
  /** Wants this model with this URI from now on; undefined: not wanted. */
  want(name: string, storageUri: string | undefined, at: number): void;
  /** Records an observed version of models.json. */
  see(models: readonly ModelConfigEntry[], at: number): void;
  /** The names that are currently wrong. */
  wrong(): string[];
  verdict(at: number): TimelineVerdict;
}

export function modelsJsonTimeline(): ModelsJsonTimeline {
  const intents = new Map<string, Intent>();
  let shown = new Map<string, string>();
  const slowest = { add: 0, update: 0, remove: 0 };
  const strangers = new Set<string>();
  let changes = 0;
  let versions = 0;
  let relapses = 0;

  /** Records for how long a name was wrong, if it was wrong until now. */
  function charge({ kind, wrong, at }: Intent, now: number): void {
    if (wrong) slowest[kind] = Math.max(slowest[kind], now - at);
  }

  function judge(name: string, intent: Intent): void {
    const wrong = shown.get(name) !== intent.storageUri;
    if (wrong && !intent.wrong && intent.hasBeenRight) relapses += 1;
    intent.wrong = wrong;
    if (!wrong) intent.hasBeenRight = true;
  }

  return {
    want(name, storageUri, at) {
      const before = intents.get(name);
      if (before !== undefined) charge(before, at);
      const kind = storageUri === undefined ? 'remove' : before?.storageUri === undefined ? 'add' : 'update';
      const intent: Intent = { kind, at, storageUri, wrong: false, hasBeenRight: false };
      judge(name, intent);
      intents.set(name, intent);
      changes += 1;
    },
    see(models, at) {
      versions += 1;
      for (const intent of intents.values()) charge(intent, at);
      shown = new Map(models.map(({ modelName, modelSpec }) => [modelName, modelSpec.storageUri]));
      for (const [name, intent] of intents) judge(name, intent);
      for (const name of shown.keys()) if (!intents.has(name)) strangers.add(name);
    },
    wrong: () => [...intents].filter(([, intent]) => intent.wrong).map(([name]) => name),
    verdict(at) {
      for (const intent of intents.values()) charge(intent, at);
      return { changes, versions, slowest: { ...slowest }, relapses, strangers: [...strangers] };
    },
  };
}
