import { once } from 'node:events';
import { request, type Agent } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { connect, type TLSSocket } from 'node:tls';
import type { AdmissionReview } from '../../src/admission/admission-review.decide.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly agent?: Agent;
}

/** One HTTPS call to 127.0.0.1, with the server checked against the caBundle. */
export function call(target: { port: number; ca: string }, what: Call): Promise<Answer> {
  const { method = 'POST', path = '/mutate?timeout=10s', agent = false, body = '' } = what;
  const headers = { 'content-type': 'application/json', ...what.headers };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', ...target, method, path, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** An AdmissionReview as the API server writes it. */
export function reviewOf(uid: string, object: unknown): string {
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const request = { uid, kind, operation: 'CREATE', namespace: 'models', object };
  return JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request });
}

export function answeredReview({ text }: Answer): AdmissionReview['response'] {
  return (JSON.parse(text) as AdmissionReview).response;
}

/** Writes bytes to a new TLS connection until it stops accepting them, and returns the answer before it closed. */
export async function sendBytes(
  target: { port: number; ca: string },
  head: string,
  bodyPart: (count: number) => Buffer | undefined,
): Promise<{ received: string; sentBytes: number }> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', ...target });
  await once(socket, 'secureConnect');
  let received = '';
  let sentBytes = 0;
  socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.write(head);
  for (let count = 0; !socket.destroyed; count++) {
    const part = bodyPart(count);
    if (part === undefined) break;
    sentBytes += part.length;
    if (!socket.write(part)) await Promise.race([closed, once(socket, 'drain').catch(() => undefined)]);
  }
  await closed;
  return { received, sentBytes };
}
