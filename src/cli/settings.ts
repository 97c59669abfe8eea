import { Option } from 'commander';

/** One setting of a command, given by a flag or else by an environment variable. */
export interface Setting<T> {
  /** The value's name in the help, such as `<port>`; undefined for a switch, which also has a `--no-` form. */
  readonly argument?: string;
  readonly env: string;
  /** What holds when neither is given. */
  readonly otherwise: T;
  /** For the help, when there is no one default to show. */
  readonly otherwiseShown?: string;
  readonly meaning: string;
  /** Undefined for text that is no such value. */
  readonly read: (text: string) => T | undefined;
  /** Completes "… must": `be a port, 0 to 65535`. */
  readonly must: string;
}

/** By the name that commander gives their flags: `webhookPort` for `--webhook-port`. */
type Settings = Readonly<Record<string, Setting<unknown>>>;

export type SettingValues<S extends Settings> = { readonly [K in keyof S]: S[K]['otherwise'] };

/** `--webhook-port`, of the setting of that name. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The options for commander, which neither checks nor completes their values. */
export function optionsOf(settings: Settings): Option[] {
  return Object.entries(settings).flatMap(([name, setting]) => {
    const flag = flagOf(name);
    const shown = setting.otherwiseShown ?? String(setting.otherwise);
    const description = `${setting.meaning} (default: ${shown}; env: ${setting.env})`;
    if (setting.argument !== undefined) return [new Option(`${flag} ${setting.argument}`, description)];
    return [
      new Option(`${flag} [true|false]`, description).preset('true'),
      new Option(`--no-${flag.slice(2)}`).hideHelp(),
    ];
  });
}

/**
 * What holds: the flag, else the environment variable, where an empty one counts as absent, else the default. For each
 * value that makes no sense there is a fault, and the default is used instead.
 *
 * @param flags as commander gives them for {@link optionsOf}: only those that were given
 */
export function readSettings<S extends Settings>(
  settings: S,
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): { readonly values: SettingValues<S>; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const values = Object.entries(settings).map(([name, setting]): [string, unknown] => {
    const given = givenFor(name, setting, flags, environment);
    if (given === undefined) return [name, setting.otherwise];
    const value = setting.read(given.text);
    if (value !== undefined) return [name, value];
    faults.push(`${given.source} must ${setting.must}, and is ${JSON.stringify(given.text)}`);
    return [name, setting.otherwise];
  });
  return { values: Object.fromEntries(values) as SettingValues<S>, faults };
}

/** Whether a setting was given, by flag or environment variable. */
export function isGiven(
  name: string,
  setting: Setting<unknown>,
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): boolean {
  return givenFor(name, setting, flags, environment) !== undefined;
}

function givenFor(
  name: string,
  { env }: Setting<unknown>,
  flags: Readonly<Record<string, unknown>>,
  environment: NodeJS.ProcessEnv,
): { readonly source: string; readonly text: string } | undefined {
  const flag = flags[name];
  // The `--no-` form of a switch gives false itself.
  if (typeof flag === 'string' || typeof flag === 'boolean')
    return { source: flagOf(name), text: String(flag) };
  const text = environment[env];
  return text === undefined || text === '' ? undefined : { source: env, text };
}
