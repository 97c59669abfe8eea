import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

/**
 * What an event brings, when it comes in time; otherwise the connection is ended.
 * @throws `late` when it does not come, or the connection's error.
 */
export async function withinLimit(
  connection: Socket | ClientRequest,
  event: string,
  limitMs: number,
  late: Error,
): Promise<readonly unknown[]> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    return (await once(connection, event, { signal: limit })) as unknown[];
  } catch (thrown) {
    // Ending it may bring an error of its own.
    connection.on('error', () => undefined).destroy();
    throw limit.aborted ? late : thrown;
  }
}
