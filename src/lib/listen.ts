import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { PortUnavailableError, type ListenAddress } from './listen-errors.ts';

/** Starts to listen and resolves with the port. Throws {@link PortUnavailableError}. */
export async function listen(server: Server, address: ListenAddress): Promise<number> {
  try {
    server.listen({ host: address.host, port: address.port });
    await once(server, 'listening');
  } catch (thrown) {
    throw new PortUnavailableError(address, thrown as NodeJS.ErrnoException);
  }
  return (server.address() as AddressInfo).port;
}
