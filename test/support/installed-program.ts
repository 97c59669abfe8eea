import { delimiter, join } from 'node:path';
import process from 'node:process';
import { isExecutable } from '../../src/controlplane/binary-cache.ts';
import { APT_INSTALL, aptInstall, mayInstall } from './apt-install.ts';

/** A program that Debian's packages have. */
export interface PackagedProgram {
  /** What it, or one of its kind, is called. */
  readonly names: readonly string[];
  readonly packages: readonly string[];
  /** Completes "… for": `a browser to test the page with` */
  readonly purpose: string;
}

/**
 * Whether a test can have the program: it is in the PATH, or may be installed. Otherwise one line says what is skipped, and how
 * to have it run.
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
 * The path of a program; where there is none, it is installed with apt-get, which takes half a minute or more: for a hook that
 * may take as long as that.
 * @throws saying what to do, where it may not be installed
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

/** The path of the first of these names that the PATH has. */
export async function findProgram(
  names: readonly string[],
  { PATH = '' }: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const directories = PATH.split(delimiter);
  const places = names.flatMap((name) => directories.map((directory) => join(directory, name)));
  for (const place of places) if (await isExecutable(place)) return place;
  return undefined;
}
