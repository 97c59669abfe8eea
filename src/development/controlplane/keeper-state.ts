import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../lib/json.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** What the keeper of a cluster does: the process beside etcd and kube-apiserver that plays what else a cluster has. */
export interface KeeperState {
  readonly process: ProcessIdentity;
  /** Whether it serves the models of the examples, too. */
  readonly serves: boolean;
  readonly phase: 'starting' | 'ready' | 'failed';
  /** What it does, or why it failed. */
  readonly message: string;
}

/** Undefined when there never was one, or its file cannot be read. */
export async function readKeeper(directory: string): Promise<KeeperState | undefined> {
  try {
    const state: unknown = JSON.parse(await readFile(keeperFile(directory), 'utf8'));
    return isKeeperState(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Atomically, so that no reader sees half of it. */
export async function writeKeeper(directory: string, state: KeeperState): Promise<void> {
  const temporary = `${keeperFile(directory)}.new`;
  await writeFile(temporary, JSON.stringify(state));
  await rename(temporary, keeperFile(directory));
}

function keeperFile(directory: string): string {
  return join(directory, 'keeper.json');
}

function isKeeperState(state: unknown): state is KeeperState {
  if (!isRecord(state)) return false;
  const { process, serves, phase, message } = state;
  return (
    isRecord(process) &&
    typeof process['pid'] === 'number' &&
    typeof process['startTime'] === 'string' &&
    typeof serves === 'boolean' &&
    (phase === 'starting' || phase === 'ready' || phase === 'failed') &&
    typeof message === 'string'
  );
}
