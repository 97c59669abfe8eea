import { delimiter, join } from 'node:path';
import process from 'node:process';
import { isExecutable } from '../../src/development/controlplane/binary-cache.ts';
import { APT_INSTALL, aptInstall, mayInstall } from './apt-install.ts';

/** A program from Debian's packages. */
export interface PackagedProgram {
  /** The names of the program and of its alternatives. */
  readonly names: readonly string[];
  readonly packages: readonly string[];
  /** Completes "… for": `a browser to test the page with` */
  readonly purpose: string;
}

/**
 * Whether a test can use the program: it is in the PATH or may be installed. Otherwise one line says what is skipped,
 * and how to run it.
 *
 * @param tests completes "skipped: …"
 */
export async function canHave(
  { names, packages }: PackagedProgram,
  tests: string,
  environment: NodeJS.ProcessEnv = process.env,
  say = (line: string): void => void process.stderr.write(`${line}\n`),
): Promise<boolean> {
  if (mayInstall(environment) || (await findProgram(names, environment)) !== undefined) return true;
  say(
    `skipped: ${tests}, for want of ${names[0]} in the PATH; ` +
      `install ${packages.join(' ')}, or set ${APT_INSTALL}=1 to have apt-get do it`,
  );
  return false;
}

/**
 * The path of a program. Installs it with apt-get if missing, which takes half a minute or more, so call it in a hook
 * with a long timeout.
 * @throws with the remedy, when it may not be installed
 */
export async function installedProgram({ names, packages, purpose }: PackagedProgram): Promise<string> {
  const found = await findProgram(names, process.env);
  if (found !== undefined) return found;
  await aptInstall(packages, purpose, process.env, (line) => {
    process.stderr.write(`${line}\n`);
  });
  const installed = await findProgram(names, process.env);
  if (installed === undefined) throw new Error(`apt-get brought no ${names.join(', ')} into the PATH`);
  return installed;
}

/** The path of the first of these names in the PATH. */
export async function findProgram(
  names: readonly string[],
  { PATH = '' }: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const directories = PATH.split(delimiter);
  const places = names.flatMap((name) => directories.map((directory) => join(directory, name)));
  for (const place of places) if (await isExecutable(place)) return place;
  return undefined;
}
