import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { seconds, type Clock, type Milliseconds } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import type { ReadinessCheck } from '../lib/readiness.ts';
import type { ServingCertificate } from '../certificates/serving-certificate.ts';
import { type BodyBudget, bodyBudget } from '../lib/body-budget.ts';
import { makeRoomOn } from '../lib/connection-room.ts';
import type { RoomReason } from '../lib/connection-room.ts';
import { listen } from '../lib/listen.ts';
import { readSlowSendersInTurns } from '../lib/slow-senders.ts';
import { answerAndHangUp } from './request-body.ts';
import { reviewEndpoint } from './review-endpoint.ts';
import type { AdmissionHandler, AdmissionObservation, ReviewEndpoint } from './review-endpoint.ts';

/**
 * What the bodies of all requests together may take: some reviews of the longest kind at once, and a small part of the memory
 * that the manager has (512 MiB as shipped).
 */
const MAX_HELD_BYTES = 32 * 1024 * 1024;

export interface AdmissionServerOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly host: string;
  readonly certificate: ServingCertificate;
  /** By URL path. */
  readonly handlers: ReadonlyMap<string, AdmissionHandler>;
  readonly logger: Logger;
  readonly observe: (observation: AdmissionObservation) => void;
  readonly clock: Clock;
  /** How long it still serves after readiness has failed; longer than the endpoints need to update. */
  readonly drain: Milliseconds;
  /** How long a client may take to send one request. */
  readonly requestTimeout?: Milliseconds;
  /**
   * PEM of the authorities of client certificates. A client without a certificate of theirs is refused in the TLS
   * handshake. Undefined: any client is answered.
   */
  readonly clientAuthority?: string | undefined;
  /** Called with each connection that was closed to make room, or refused. */
  readonly connectionClosed?: (reason: RoomReason) => void;
}

export interface AdmissionServer {
  readonly port: number;
  /** New connections get this certificate; open ones continue. Throws when key and certificate do not match. */
  setCertificate(certificate: ServingCertificate): void;
  readonly readiness: ReadinessCheck;
  /** The same for the authorities of client certificates. Only valid if there were some at the start. */
  setClientAuthority(pem: string): void;
  /** How many reviews are being answered. */
  reviewsInFlight(): number;
  connections(): number;
  /** The bytes of all bodies and reviews that are being read or answered. */
  heldBytes(): number;
  /** Fails readiness, drains, lets open calls finish, closes. Never rejects. */
  stop(): Promise<void>;
}

/**
 * The API server keeps an idle connection for 90 s, and does not retry a call on a connection that the other end has
 * closed. So this end must keep it longer. Source: idleConnTimeout in k8s.io/apimachinery/pkg/util/net/http.go.
 */
const KEEP_ALIVE_TIMEOUT = seconds(100);
const HEADERS_TIMEOUT = seconds(10);
const HANDSHAKE_TIMEOUT = seconds(10);
const REQUEST_TIMEOUT = seconds(30);
/** How often Node checks for requests that take too long; its default is 30 s. */
const TIMEOUT_CHECK_INTERVAL = seconds(1);
/** HTTP/1.1 needs one connection per call, and three API servers have at most 1,800 open calls by default. */
const MAX_CONNECTIONS = 2000;
/** The longest that an open call may take after the drain; none of our webhooks has a longer timeout. */
const CLOSE_TIMEOUT = seconds(10);

/**
 * Serves admission webhooks over HTTPS, HTTP/1.1 only: Node's https does not offer h2 by ALPN, and the API server works
 * without it. Resolves once it listens; throws PortUnavailableError.
 */
export async function startAdmissionServer(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const { host, port, certificate, clock, drain, logger } = options;
  const budget = bodyBudget(MAX_HELD_BYTES, clock);
  const state: ServerState = { draining: false, inFlight: new Set(), budget };
  const { clientAuthority } = options;
  const tls = { certificate, clientAuthority };
  const server = createServer(
    {
      ...tlsOptions(tls),
      requestCert: clientAuthority !== undefined,
      rejectUnauthorized: clientAuthority !== undefined,
      handshakeTimeout: HANDSHAKE_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
      headersTimeout: Math.min(HEADERS_TIMEOUT, options.requestTimeout ?? REQUEST_TIMEOUT),
      requestTimeout: options.requestTimeout ?? REQUEST_TIMEOUT,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL,
      noDelay: true,
    },
    routes(options, state),
  );
  const observe = options.connectionClosed ?? (() => undefined);
  const room = makeRoomOn(server, { most: MAX_CONNECTIONS, clock, logger, observe });
  readSlowSendersInTurns(server, clock);
  server.on('tlsClientError', (error) => logger.debug({ error: error.message }, 'TLS handshake failed'));
  const boundPort = await listen(server, { host, port, flag: '--webhook-port' });
  server.on('error', (error) => logger.error({ error: error.message }, 'the webhook server failed'));
  let stopping: Promise<void> | undefined;
  return {
    port: boundPort,
    setCertificate: (next) => {
      tls.certificate = next;
      server.setSecureContext(tlsOptions(tls));
    },
    setClientAuthority: (pem) => {
      tls.clientAuthority = pem;
      server.setSecureContext(tlsOptions(tls));
    },
    readiness: () => (state.draining ? 'the webhook server is shutting down' : room.obstacle()),
    reviewsInFlight: () => state.inFlight.size,
    connections: room.open,
    heldBytes: budget.held,
    stop: () => {
      state.draining = true;
      for (const response of state.inFlight) askToLeave(response);
      return (stopping ??= clock.sleep(drain).then(() => close(server, clock)));
    },
  };
}

interface ServerState {
  draining: boolean;
  /** Responses that are not finished yet. */
  readonly inFlight: Set<ServerResponse>;
  readonly budget: BodyBudget;
}

/** Makes the client open a new connection for its next call, so that closing this one loses no call. */
function askToLeave(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}

/** setSecureContext resets every option that is not passed again, including the lowest TLS version. */
function tlsOptions({ certificate: { certificate, key }, clientAuthority }: TlsSettings): {
  cert: string;
  key: string;
  ca?: string;
  minVersion: 'TLSv1.2';
} {
  const ca = clientAuthority === undefined ? {} : { ca: clientAuthority };
  return { cert: certificate, key, ...ca, minVersion: 'TLSv1.2' };
}

interface TlsSettings {
  readonly certificate: ServingCertificate;
  readonly clientAuthority: string | undefined;
}

/** What answers a request: two paths need no router. */
function routes(options: AdmissionServerOptions, state: ServerState): RequestListener {
  const { handlers, clock, logger, observe } = options;
  const shared = { budget: state.budget, seed: randomInt(2 ** 30) };
  const endpoints = new Map(
    [...handlers].map(([path, handler]) => [
      path,
      reviewEndpoint({ path, handler, clock, logger, observe, ...shared }),
    ]),
  );

  async function review(
    endpoint: ReviewEndpoint,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    state.inFlight.add(response);
    try {
      await endpoint(request, response);
    } catch (thrown) {
      logger.error({ error: messageOf(thrown), err: thrown }, 'a request failed; please report this');
      if (response.headersSent) response.destroy();
      else refuse(request, response, clock, 500, 'the webhook server failed; its log has the reason\n');
    } finally {
      state.inFlight.delete(response);
    }
  }

  return (request, response) => {
    // Requests still in the buffer of a closed connection are not served.
    if (request.socket.destroyed) return;
    if (state.draining) askToLeave(response);
    const endpoint = endpoints.get(pathOf(request));
    if (endpoint === undefined) {
      refuse(request, response, clock, 404, `no webhook here; there is ${[...handlers.keys()].join(', ')}\n`);
    } else if (request.method === 'POST') {
      void review(endpoint, request, response);
    } else {
      response.setHeader('Allow', 'POST');
      refuse(request, response, clock, 405, `${request.method ?? ''} is not served here; send POST\n`);
    }
  };
}

/** Without the query, and without a slash at the end. */
function pathOf({ url = '' }: IncomingMessage): string {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  status: number,
  text: string,
): void {
  answerAndHangUp(request, response, clock, { status, contentType: 'text/plain; charset=utf-8', text });
}

async function close(server: Server, clock: Clock): Promise<void> {
  const closed = once(server, 'close');
  const inTime = new AbortController();
  server.close();
  await Promise.race([closed, clock.sleep(CLOSE_TIMEOUT, inTime.signal)]);
  inTime.abort();
  server.closeAllConnections();
  // Only connections in their TLS handshake can remain, and the handshake has a timeout.
  await closed;
}
