import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

const REQUEST_TIMEOUT_MS = 5000;

/** Where the API server is, and how to be let in. */
interface ApiServerAccess {
  readonly server: string;
  readonly token: string;
  readonly caFile: string;
}

/** True once the API server says that it is ready and has made the namespace `default`. */
export async function apiServerIsReady(access: ApiServerAccess): Promise<boolean> {
  for (const path of ['/readyz', '/api/v1/namespaces/default']) {
    if ((await statusOf(access, path)) !== 200) return false;
  }
  return true;
}

/** The HTTP status of a GET; undefined when there is no answer, or no certificate to trust yet. */
async function statusOf(
  { server, token, caFile }: ApiServerAccess,
  path: string,
): Promise<number | undefined> {
  const ca = await readFile(caFile).catch(() => undefined);
  if (ca === undefined) return undefined;
  return new Promise((resolve) => {
    const get = request(
      new URL(path, server),
      { ca, agent: false, headers: { authorization: `Bearer ${token}` }, timeout: REQUEST_TIMEOUT_MS },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    get.once('timeout', () => get.destroy());
    get.once('error', () => resolve(undefined));
    get.end();
  });
}
