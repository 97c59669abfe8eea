/**
 * The process of a webhook that takes no time: it answers every review at once with the given patch. Its first
 * received message is that patch and a certificate; it sends its port.
 */
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { serveMessages } from './serve-messages.ts';

export interface InstantWebhookJob {
  /** A JSON patch in base64. */
  readonly patch: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** The first uid in a review is that of its request. */
const UID = /"uid":"([^"]+)"/;

process.once('message', ({ patch, certificate, key }: InstantWebhookJob) => {
  const serve = (socket: TLSSocket): void =>
    serveMessages(socket, (_, review) => answer(UID.exec(review.toString('latin1'))?.[1] ?? '', patch));
  const server = createServer({ cert: certificate, key }, serve);
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
});
process.on('disconnect', () => process.exit(0));

function answer(uid: string, patch: string): string {
  const response = { uid, allowed: true, patchType: 'JSONPatch', patch };
  const body = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}
