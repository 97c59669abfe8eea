import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { layoutOf } from './layout.ts';

const REQUEST_TIMEOUT_MS = 10_000;

/** How an API server answered. */
interface ApiAnswer {
  readonly status: number;
  /** Parsed JSON; undefined when it is none. */
  readonly body: unknown;
}

/** Asks the API server of one control plane, as its administrator. @throws when nothing answers */
export type AskApiServer = (
  method: 'GET' | 'PUT' | 'DELETE',
  path: string,
  more?: { readonly body?: object; readonly accept?: string },
) => Promise<ApiAnswer>;

/** For the control plane in a directory; reads its files once. */
export async function askerOf(directory: string, server: string): Promise<AskApiServer> {
  const { caFile, tokens } = layoutOf(directory);
  const [ca, users] = await Promise.all([readFile(caFile), readFile(tokens, 'utf8')]);
  // The first line is the administrator's: "token","admin","admin","system:masters".
  const token = /^"([^"]+)"/.exec(users)?.[1] ?? '';
  return (method, path, { body, accept = 'application/json' } = {}) =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, accept, 'content-type': 'application/json' };
      const options = { method, ca, headers, timeout: REQUEST_TIMEOUT_MS };
      const call = request(new URL(path, server), options, (response) => {
        text(response).then(
          (answer) => resolve({ status: response.statusCode ?? 0, body: parsed(answer) }),
          reject,
        );
      });
      call.once('timeout', () => call.destroy(new Error(`${server} has not answered in time`)));
      call.once('error', reject);
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}
