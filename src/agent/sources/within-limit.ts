import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Resolves with the arguments of an event, if it comes in time. Otherwise the connection is destroyed.
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
    // Destroying it may emit another error.
    connection.on('error', () => undefined).destroy();
    throw limit.aborted ? late : thrown;
  }
}
