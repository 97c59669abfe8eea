import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range from which Linux takes the local ports of outgoing connections (32768 and up, see
 * /proc/sys/net/ipv4/ip_local_port_range): a port from that range that is free now may be some client's a moment later.
 */
const LOWEST = 20_000;
const ABOVE_HIGHEST = 32_000;

/** Different ports on 127.0.0.1 that nothing listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(LOWEST, ABOVE_HIGHEST);
    if (!found.has(port) && (await portIsFree(port))) found.add(port);
  }
  return [...found];
}

/** True when nothing listens on the port of 127.0.0.1. */
export async function portIsFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    await once(server.close(), 'close');
    return true;
  } catch {
    return false;
  }
}
