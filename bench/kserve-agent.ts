import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What is compared with. */
export const KSERVE_VERSION = 'v0.17.0';

/**
 * Where KServe's own agent is: KSERVE_AGENT, else in the cache of tools.
 * @throws when there is none, saying how to get it.
 */
export async function kserveAgent(environment: NodeJS.ProcessEnv): Promise<string> {
  const cache = environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const path =
    environment['KSERVE_AGENT'] ?? join(cache, 'kserve-mms', 'tools', `kserve-${KSERVE_VERSION}`, 'agent');
  try {
    await access(path, constants.X_OK);
    return path;
  } catch (cause) {
    throw new Error(
      `KServe's agent is not at ${path}. Build it (go build ./cmd/agent in github.com/kserve/kserve at ${KSERVE_VERSION}) ` +
        'and name it in KSERVE_AGENT.',
      { cause },
    );
  }
}
