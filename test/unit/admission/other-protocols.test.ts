import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { AdmissionHandler } from '../../../src/admission/review-endpoint.ts';
import { answeredReview, call, reviewOf } from '../../support/admission-client.ts';
import { loopbackIssue, startLoopbackServer } from '../../support/admission-server.ts';
import { apiServerCertificate } from '../../support/api-server-certificate.ts';

let calls = 0;
const handlers = new Map<string, AdmissionHandler>([
  [
    '/mutate',
    () => {
      calls += 1;
      return Promise.resolve({ kind: 'patched', patch: [] });
    },
  ],
]);

const REVIEW = reviewOf('u', { metadata: { name: 'p' } });
const POST =
  `POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
  `Content-Length: ${Buffer.byteLength(REVIEW)}\r\nConnection: close\r\n\r\n${REVIEW}`;
const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

/** Sends bytes, and resolves with what came before the connection ended, or with the code of its fault. */
async function sent(socket: TLSSocket | ReturnType<typeof connectTcp>, bytes: string): Promise<string> {
  let received = '';
  let fault = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', ({ code = 'no code' }: NodeJS.ErrnoException) => (fault ||= code));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(bytes, 'latin1');
  await closed;
  return received === '' ? fault : (received.split('\r\n')[0] ?? '');
}

describe('the webhook', () => {
  let server: Awaited<ReturnType<typeof startLoopbackServer>>;
  const tls = (more: ConnectionOptions = {}) =>
    connect({ host: '127.0.0.1', port: server.port, ca: server.ca, ...more });

  beforeAll(async () => {
    server = await startLoopbackServer({ handlers });
  });
  beforeEach(() => {
    calls = 0;
  });
  afterAll(() => server.stop());

  it('refuses a client that offers HTTP/2 only', async () => {
    expect(await sent(tls({ ALPNProtocols: ['h2'] }), HTTP2_PREFACE)).toBe('EPROTO');
  });

  it.each<[what: string, bytes: string, answer: RegExp]>([
    ['HTTP/2 without negotiation', HTTP2_PREFACE, /^HTTP\/1\.1 (400|405)|^$/],
    [
      'an upgrade to h2c',
      POST.replace(
        'Connection: close',
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX-End: 1',
      ),
      /^HTTP\/1\.1 (200|4\d\d)/,
    ],
    ['a tunnel', 'CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n\r\n', /^HTTP\/1\.1 4\d\d|^$/],
    ['TLS inside of TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', /^HTTP\/1\.1 400/],
  ])('never tunnels or changes the protocol: %s', async (_, bytes, answer) => {
    const socket = tls();
    // The connection of a request that was answered stays open for the next one.
    socket.on('data', () => socket.end());
    expect(await sent(socket, bytes)).toMatch(answer);
  });

  it.each<[what: string, open: () => TLSSocket | ReturnType<typeof connectTcp>]>([
    ['plain HTTP', () => connectTcp(server.port, '127.0.0.1')],
    ['TLS 1.1', () => tls({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })],
    ['a cipher without authentication', () => tls({ maxVersion: 'TLSv1.2', ciphers: 'aNULL:@SECLEVEL=0' })],
  ])('gives no review to %s', async (_, open) => {
    expect(await sent(open(), POST)).not.toMatch(/^HTTP\/1\.1 200/);
    expect(calls).toBe(0);
  });

  it('serves the next caller after all of them', async () => {
    const answer = await call(server, { body: REVIEW });
    expect(answeredReview(answer)).toMatchObject({ allowed: true });
  });
});

describe('the webhook with an authority for its client', () => {
  it.each<[what: string, client: 'its own' | 'another' | 'serving' | 'none', calls: number]>([
    ['answers a client with a certificate of the authority', 'its own', 1],
    ['refuses a client without a certificate', 'none', 0],
    ['refuses a certificate of another authority with the same names', 'another', 0],
    ['refuses its own serving certificate', 'serving', 0],
  ])('%s', async (_, client, expected) => {
    calls = 0;
    const [own, other] = [await apiServerCertificate(), await apiServerCertificate()];
    const { ca, certificate } = await loopbackIssue();
    const clientAuthority = await readFile(own.authorityFile, 'utf8');
    const server = await startLoopbackServer({ handlers, certificate, clientAuthority });
    const certificates = new Map([
      ['its own', { cert: own.cert, key: own.key }],
      ['another', { cert: other.cert, key: other.key }],
      ['serving', { cert: certificate.certificate, key: certificate.key }],
    ]);
    try {
      await sent(connect({ host: '127.0.0.1', port: server.port, ca, ...certificates.get(client) }), POST);
      expect(calls).toBe(expected);
    } finally {
      await server.stop();
      await Promise.all([own.remove(), other.remove()]);
    }
  });
});
