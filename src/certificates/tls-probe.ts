import { connect } from 'node:tls';
import type { Milliseconds } from '../lib/clock.ts';

/** Whether anything completes a TLS handshake at an address such as `https://127.0.0.1:9443`. Never rejects. */
export function answersTls(baseUrl: string, within: Milliseconds): Promise<boolean> {
  const { hostname, port } = new URL(baseUrl);
  return new Promise((resolve) => {
    // Only whether a server answers matters, not its identity: the API server checks the certificate.
    const socket = connect({ host: hostname, port: Number(port || 443), rejectUnauthorized: false });
    const answer = (served: boolean): void => {
      socket.destroy();
      resolve(served);
    };
    socket.setTimeout(within, () => answer(false));
    socket.once('secureConnect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
