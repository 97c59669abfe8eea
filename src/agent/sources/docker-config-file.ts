import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { credentialsFor, type CredentialsFound } from './docker-config.ts';
import type { Environment } from './environment.ts';
import { SourceConfigurationError } from './errors.ts';

/**
 * The file's possible names: docker's own, and the keys of Secrets of type `kubernetes.io/dockerconfigjson` and
 * `kubernetes.io/dockercfg`, which a mounted Secret has as files. Source: kubelet's pkg/credentialprovider/config.go.
 */
const FILES = [
  { name: 'config.json', read: (config: unknown) => config },
  { name: '.dockerconfigjson', read: (config: unknown) => config },
  // The old form is the list of registries without a wrapper.
  { name: '.dockercfg', read: (auths: unknown) => ({ auths }) },
] as const;

/**
 * What the pull secret in `$DOCKER_CONFIG` has for a repository.
 * @throws SourceConfigurationError when there is no such file, or it cannot be read.
 */
export async function dockerCredentials(
  env: Environment,
  { registry, repository }: { readonly registry: string; readonly repository: string },
): Promise<CredentialsFound> {
  const directory = env['DOCKER_CONFIG'];
  if (directory === undefined || directory === '') return { kind: 'none' };
  for (const { name, read } of FILES) {
    const text = await textOf(join(directory, name), name);
    if (text !== undefined) return credentialsFor(read(parsed(text, name)), registry, repository);
  }
  throw new SourceConfigurationError(
    `DOCKER_CONFIG holds no ${FILES.map(({ name }) => name).join(', ')}. Check the mounted Secret.`,
  );
}

async function textOf(path: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(name, cause);
  }
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

function unreadable(name: string, cause: unknown): SourceConfigurationError {
  return new SourceConfigurationError(`DOCKER_CONFIG's ${name} cannot be read. Check the mounted Secret.`, {
    cause,
  });
}
