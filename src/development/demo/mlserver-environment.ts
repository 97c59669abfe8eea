import { join } from 'node:path';
import { pythonEnvironment } from './python-environment.ts';
import type { PythonEnvironmentOptions } from './python-environment.ts';

/** The model server that the demo and the agent's tests run: https://mlserver.readthedocs.io */
const VERSION = '1.7.1';
/** uvloop 0.22 and later have no event loop in a forked worker, which this MLServer asks for. */
const REQUIREMENTS = [`mlserver==${VERSION}`, `mlserver-sklearn==${VERSION}`, 'uvloop<0.22'];

type MlserverEnvironmentOptions = Pick<PythonEnvironmentOptions, 'cache' | 'environment' | 'progress'>;

type MlserverEnvironment =
  | { readonly kind: 'ready'; readonly python: string; readonly mlserver: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Finds MLServer in the cache, or installs it there with Python and pip; some 40 s and half a gigabyte, once. */
export async function mlserverEnvironment(options: MlserverEnvironmentOptions): Promise<MlserverEnvironment> {
  const wanted = { name: 'mlserver', version: VERSION, requirements: REQUIREMENTS };
  const found = await pythonEnvironment({ ...options, ...wanted, what: `MLServer ${VERSION}` });
  if (found.kind === 'unavailable') return found;
  return { kind: 'ready', python: found.python, mlserver: join(found.directory, 'bin/mlserver') };
}
