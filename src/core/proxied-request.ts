import { forwardedValue } from './forwarded-header.ts';
import { connectionTokens, endsAtConnection, type RawHeaders } from './hop-by-hop.ts';
import { originTarget } from './request-target.ts';

/** The head of a request as a client sent it. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly headers: RawHeaders;
}

/** The request as the component gets it. */
export interface PassedRequest {
  readonly target: string;
  /** Name and value in turn. */
  readonly headers: string[];
  /** Whether the client says that a request may come twice: Go's transport and Envoy go by these headers too. */
  readonly hasIdempotencyKey: boolean;
}

/** Why a request is not passed on, and with which status it is answered. */
export interface RefusedRequest {
  readonly status: 400 | 431 | 501 | 505;
  readonly reason: string;
}

/** Of one request; each costs time in which nothing else is served. */
export const MAX_HEADERS = 10_000;

/** Methods that have no body unless they say so; any other says that it has none. */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);

/** What a Host header may have: Go's x/net/http/httpguts, ValidHostHeader. */
const VALID_HOST = /^[\w!$%&'()*+,.:;=[\]~-]*$/;

/** 10^18 bytes: whatever reads a length as a signed number of 64 bits reads this one right. */
const LONGEST = 18;

/** What the headers say beside those that go on as they are. */
interface Facts {
  readonly kept: string[];
  readonly hosts: string[];
  readonly lengths: string[];
  readonly codings: string[];
  readonly connection: string[];
  readonly forwardedFor: string[];
  proto: string | undefined;
  forwardedHost: string | undefined;
  forwarded: boolean;
  trailers: boolean;
  upgrade: string | undefined;
  hasIdempotencyKey: boolean;
}

/**
 * The request as it goes on, or why it does not. Refused is what two readers could take for different requests: more than one
 * host or length, a transfer coding that is not `chunked` alone (KServe's agent does the same: Go's net/http), and more
 * headers than are read. What goes on is what KServe's agent would send, in the order and the case of letters it came in.
 * @param client the client's address, for X-Forwarded-For
 * @param component host and port of the component, for a request without a host
 */
export function passedRequest(
  head: RequestHead,
  client: string | undefined,
  component: string,
  asUpgrade: boolean,
): PassedRequest | RefusedRequest {
  if (head.versionMajor !== 1)
    return { status: 505, reason: 'only HTTP/1.1, HTTP/1.0 and HTTP/2 are spoken here' };
  if (head.headers.length / 2 > MAX_HEADERS)
    return { status: 431, reason: `the request has more than ${MAX_HEADERS} headers` };
  const origin = originTarget(head.target);
  if (origin === undefined) return refused('the target of the request is neither a path nor a URL');
  const facts = factsOf(head.headers);
  const wrong = faultOf(head, facts);
  if (wrong !== undefined) return wrong;
  const listed = connectionTokens(facts.connection);
  const headers = keptHeaders(facts, listed);
  const host = withoutZone(origin.host ?? facts.hosts[0] ?? '');
  putHost(headers, host === '' ? component : host);
  if (facts.codings.length > 0) headers.push('Transfer-Encoding', 'chunked');
  else if (facts.lengths.length === 0 && !WITHOUT_BODY.has(head.method)) headers.push('Content-Length', '0');
  if (facts.trailers) headers.push('TE', 'trailers');
  pushForwarded(headers, facts, listed, client);
  if (asUpgrade) headers.push('Connection', 'Upgrade', 'Upgrade', facts.upgrade ?? '');
  else headers.push('Connection', 'keep-alive');
  return { target: origin.target, headers, hasIdempotencyKey: facts.hasIdempotencyKey };
}

function refused(reason: string): RefusedRequest {
  return { status: 400, reason };
}

function factsOf(raw: RawHeaders): Facts {
  const facts: Facts = {
    ...{ kept: [], hosts: [], lengths: [], codings: [], connection: [], forwardedFor: [] },
    ...{ proto: undefined, forwardedHost: undefined, forwarded: false, trailers: false },
    ...{ upgrade: undefined, hasIdempotencyKey: false },
  };
  for (let index = 0; index + 1 < raw.length; index += 2) note(facts, raw[index] ?? '', raw[index + 1] ?? '');
  return facts;
}

/** Sorts one header: it is kept, unless it is of this connection only or made anew. */
function note(facts: Facts, name: string, value: string): void {
  const lower = name.toLowerCase();
  switch (lower) {
    case 'host':
      facts.hosts.push(value);
      break;
    case 'content-length':
      facts.lengths.push(value);
      facts.kept.push(name, value.replace(/^0+(?=\d)/, ''));
      return;
    case 'transfer-encoding':
      facts.codings.push(value);
      return;
    case 'connection':
      facts.connection.push(value);
      return;
    case 'te':
      facts.trailers ||= value.split(',').some((token) => token.trim().toLowerCase() === 'trailers');
      return;
    case 'upgrade':
      facts.upgrade ??= value;
      return;
    case 'x-forwarded-for':
      facts.forwardedFor.push(value);
      return;
    case 'x-forwarded-proto':
      facts.proto ??= value;
      break;
    case 'x-forwarded-host':
      facts.forwardedHost ??= value;
      break;
    case 'forwarded':
      facts.forwarded ||= value !== '';
      break;
    case 'idempotency-key':
    case 'x-idempotency-key':
      facts.hasIdempotencyKey = true;
      break;
    default:
      if (endsAtConnection(lower)) return;
  }
  facts.kept.push(name, value);
}

function faultOf(head: RequestHead, { hosts, lengths, codings }: Facts): RefusedRequest | undefined {
  const isOld = head.versionMinor === 0;
  if (hosts.length > 1) return refused('the request has more than one Host header');
  if (hosts.length === 0 && !isOld) return refused('the request has no Host header');
  if (!VALID_HOST.test(hosts[0] ?? '')) return refused('the Host header is not a host and port');
  if (codings.length > 0) {
    if (isOld) return refused('a request of HTTP/1.0 cannot have a Transfer-Encoding');
    if (codings.length > 1 || codings[0]?.trim().toLowerCase() !== 'chunked')
      return { status: 501, reason: 'no Transfer-Encoding other than "chunked" is supported' };
    if (lengths.length > 0) return refused('the request has both a Content-Length and a Transfer-Encoding');
  }
  const [length = '0', ...others] = lengths;
  if (others.length > 0) return refused('the request has more than one Content-Length');
  if (!/^\d+$/.test(length) || length.replace(/^0+/, '').length > LONGEST)
    return refused('the Content-Length is not a number of bytes');
  return undefined;
}

/** Without those that the Connection header names, and the announcement of trailers that only chunks can have. */
function keptHeaders({ kept, codings }: Facts, listed: ReadonlySet<string>): string[] {
  const headers: string[] = [];
  for (let index = 0; index < kept.length; index += 2) {
    const name = kept[index] ?? '';
    const lower = name.toLowerCase();
    if (listed.has(lower) || (lower === 'trailer' && codings.length === 0)) continue;
    headers.push(name, kept[index + 1] ?? '');
  }
  return headers;
}

/** The zone of an address means something on one machine only: RFC 6874 section 1. */
function withoutZone(host: string): string {
  return host.replace(/^(\[[^\]%]*)%[^\]]*\]/, '$1]');
}

function putHost(headers: string[], host: string): void {
  for (let index = 0; index < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() !== 'host') continue;
    headers[index + 1] = host;
    return;
  }
  headers.push('Host', host);
}

/** The client is added to those who sent the request before: as one header, which some components read the first of only. */
function pushForwarded(
  headers: string[],
  { forwardedFor, proto = '', forwardedHost = '', forwarded }: Facts,
  listed: ReadonlySet<string>,
  client: string | undefined,
): void {
  const [first = ''] = forwardedFor;
  const value = forwarded ? undefined : forwardedValue({ for: first, proto, host: forwardedHost });
  if (value !== undefined) headers.push('Forwarded', value);
  const before = listed.has('x-forwarded-for') ? [] : forwardedFor;
  const nodes = client === undefined ? before : [...before, client];
  if (nodes.length > 0) headers.push('X-Forwarded-For', nodes.join(', '));
}
