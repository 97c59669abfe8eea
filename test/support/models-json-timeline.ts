import type { ModelConfigEntry } from '../../src/contract/model-config.ts';

/** How long models.json went on saying something else than what was wanted. */
export interface TimelineVerdict {
  /** Changes of what is wanted that were judged. */
  readonly changes: number;
  /** Versions of models.json that were seen. */
  readonly versions: number;
  /**
   * The longest time from a change to the last moment at which models.json did not show it, in milliseconds. A model that
   * has been right, and for one version is not, counts from the change on: there is no grace for going back.
   */
  readonly slowest: { readonly add: number; readonly update: number; readonly remove: number };
  /** How often a model that was right became wrong again with nothing having been changed. */
  readonly relapses: number;
  /** Models that nobody ever wanted. */
  readonly strangers: readonly string[];
}

interface Intent {
  readonly kind: 'add' | 'update' | 'remove';
  readonly at: number;
  readonly storageUri: string | undefined;
  wrong: boolean;
  hasBeenRight: boolean;
}

/** Holds every version of a models.json against what was wanted at the time. Times are milliseconds of any one clock. */
export interface ModelsJsonTimeline {
  /** From now on this model is to be there with this URI; undefined: it is not to be there. */
  want(name: string, storageUri: string | undefined, at: number): void;
  /** A version of models.json, as it was seen. */
  see(models: readonly ModelConfigEntry[], at: number): void;
  /** The names that are wrong now. */
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

  /** Whatever was wrong up to now was wrong for this long. */
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
