import { areTrailers } from './announced-trailers.decide.ts';
import { forwardedValue } from './forwarded-header.decide.ts';
import { connectionTokens, dropAll, endsAtConnection, type RawHeaders } from './hop-by-hop.decide.ts';
import { originTarget } from './request-target.decide.ts';

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
  /** Whether the client says that a request may be repeated. Go's transport and Envoy follow these headers too. */
  readonly hasIdempotencyKey: boolean;
}

/** Why a request is not passed on, and the status of the answer. */
interface RefusedRequest {
  readonly status: 400 | 431 | 501 | 505;
  readonly reason: string;
}

/**
 * For the head of a request or an answer: Go's DefaultMaxHeaderBytes and what its server adds, so that heads that
 * KServe's agent accepts are accepted.
 */
export const MAX_HEAD_BYTES = 1_048_576 + 4_096;

/** For one request or answer. Each header costs time in which nothing else is served. */
export const MAX_HEADERS = 10_000;

/** Methods that have no body unless the request says so. For any other, a missing body must be stated. */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** The valid characters of a Host header: Go's x/net/http/httpguts, ValidHostHeader. */
const VALID_HOST = /^[\w!$%&'()*+,.:;=[\]~-]*$/;

/** Below 10^18 bytes, so that readers with signed 64-bit lengths read it correctly. */
const LENGTH = /^0*\d{1,18}$/;

/**
 * What the headers say, apart from those passed on unchanged. For a header that may occur once: how often it occurred,
 * and where its value is in `kept`.
 */
interface Facts {
  readonly kept: string[];
  hosts: number;
  host: string;
  hostAt: number;
  lengths: number;
  length: string;
  lengthAt: number;
  codings: number;
  coding: string;
  /** The Connection header's list, joined by commas. Undefined if it holds nothing relevant. */
  connection: string | undefined;
  /** Of all headers of that name. */
  forwardedFor: string | undefined;
  firstFor: string | undefined;
  proto: string | undefined;
  forwardedHost: string | undefined;
  /** Of the first header of that name. It counts even if it is empty, as with Go's Header.Get. */
  forwarded: string | undefined;
  /** The announced trailers: of all headers of that name, joined by commas. */
  announced: string | undefined;
  trailers: boolean;
  upgrade: string | undefined;
  hasIdempotencyKey: boolean;
}

/**
 * The request to pass on, or why it is refused. A request that two readers could understand differently is refused:
 * more than one host or length, a transfer coding other than `chunked` alone (as in KServe's agent: Go's net/http), and
 * more headers than are read. The request passed on is what KServe's agent would send, with its original order and case
 * of letters.
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
    return { status: 505, reason: 'only HTTP/1.1, HTTP/1.0 and HTTP/2 are supported' };
  if (head.headers.length / 2 > MAX_HEADERS)
    return { status: 431, reason: `the request has more than ${MAX_HEADERS} headers` };
  const origin = originTarget(head.target);
  if (origin === undefined) return refused('the target of the request is neither a path nor a URL');
  const facts = factsOf(head.headers);
  const wrong = faultOf(head, facts);
  if (wrong !== undefined) return wrong;
  const { kept } = facts;
  const host = origin.host ?? facts.host;
  putHost(facts, host === '' ? component : withoutZone(host));
  if (facts.length.startsWith('0') && facts.lengthAt > 0)
    kept[facts.lengthAt] = facts.length.replace(/^0+(?=.)/, '');
  const listed = connectionTokens(facts.connection === undefined ? [] : [facts.connection]);
  const isLessThanAll = listed.size > 0 || (facts.announced !== undefined && facts.codings === 0);
  const headers = isLessThanAll ? keptHeaders(facts, listed) : kept;
  if (facts.codings > 0) headers.push('Transfer-Encoding', 'chunked');
  else if (facts.lengths === 0 && !WITHOUT_BODY.has(head.method)) headers.push('Content-Length', '0');
  if (facts.trailers) headers.push('TE', 'trailers');
  pushForwarded(headers, facts, listed.has('x-forwarded-for'), client);
  if (asUpgrade) headers.push('Connection', 'Upgrade', 'Upgrade', facts.upgrade ?? '');
  else headers.push('Connection', 'keep-alive');
  return { target: origin.target, headers, hasIdempotencyKey: facts.hasIdempotencyKey };
}

function refused(reason: string): RefusedRequest {
  return { status: 400, reason };
}

function factsOf(raw: RawHeaders): Facts {
  const facts: Facts = {
    kept: [],
    hosts: 0,
    host: '',
    hostAt: -1,
    lengths: 0,
    length: '0',
    lengthAt: -1,
    codings: 0,
    coding: '',
    connection: undefined,
    forwardedFor: undefined,
    firstFor: undefined,
    proto: undefined,
    forwardedHost: undefined,
    forwarded: undefined,
    announced: undefined,
    trailers: false,
    upgrade: undefined,
    hasIdempotencyKey: false,
  };
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    if (isKept(facts, name.toLowerCase(), value)) facts.kept.push(name, value);
  }
  return facts;
}

/** Records what a header says. It is kept, unless it belongs to this connection only or is generated again. */
function isKept(facts: Facts, lowerName: string, value: string): boolean {
  switch (lowerName) {
    case 'host':
      facts.hosts += 1;
      facts.host = value;
      facts.hostAt = facts.kept.length + 1;
      return true;
    case 'content-length':
      facts.lengths += 1;
      facts.length = value;
      facts.lengthAt = facts.kept.length + 1;
      return true;
    case 'transfer-encoding':
      facts.codings += 1;
      facts.coding = value;
      return false;
    case 'connection':
      if (!/^(?:keep-alive|close)$/i.test(value)) facts.connection = joined(facts.connection, value);
      return false;
    case 'te':
      facts.trailers ||= value.split(',').some((token) => token.trim().toLowerCase() === 'trailers');
      return false;
    case 'upgrade':
      facts.upgrade ??= value;
      return false;
    case 'x-forwarded-for':
      facts.firstFor ??= value;
      facts.forwardedFor = joined(facts.forwardedFor, value);
      return false;
    case 'x-forwarded-proto':
      facts.proto ??= value;
      return true;
    case 'x-forwarded-host':
      facts.forwardedHost ??= value;
      return true;
    case 'forwarded':
      facts.forwarded ??= value;
      return true;
    case 'trailer':
      facts.announced = joined(facts.announced, value);
      return true;
    case 'idempotency-key':
    case 'x-idempotency-key':
      facts.hasIdempotencyKey = true;
      return true;
  }
  return !endsAtConnection(lowerName);
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

function faultOf(head: RequestHead, facts: Facts): RefusedRequest | undefined {
  const isOld = head.versionMinor === 0;
  if (facts.hosts > 1) return refused('the request has more than one Host header');
  if (facts.hosts === 0 && !isOld) return refused('the request has no Host header');
  if (!VALID_HOST.test(facts.host)) return refused('the Host header is not a host and port');
  if (facts.codings > 0) {
    if (isOld) return refused('a request of HTTP/1.0 cannot have a Transfer-Encoding');
    if (facts.codings > 1 || facts.coding.trim().toLowerCase() !== 'chunked')
      return { status: 501, reason: 'no Transfer-Encoding other than "chunked" is supported' };
    if (!areTrailers(facts.announced)) return refused('the request announces a trailer with an invalid name');
    if (facts.lengths > 0) return refused('the request has both a Content-Length and a Transfer-Encoding');
  }
  if (facts.lengths > 1) return refused('the request has more than one Content-Length');
  if (!LENGTH.test(facts.length)) return refused('the Content-Length is not a number of bytes');
  return undefined;
}

/** Without those that the Connection header names, and without an announcement of trailers if there are no chunks. */
function keptHeaders({ kept, codings }: Facts, listed: ReadonlySet<string>): string[] {
  const headers: string[] = [];
  for (let index = 0; index < kept.length; index += 2) {
    const name = kept[index] ?? '';
    const lower = name.toLowerCase();
    if (listed.has(lower) || (lower === 'trailer' && codings === 0)) continue;
    headers.push(name, kept[index + 1] ?? '');
  }
  return headers;
}

/** The zone of an address means something on one machine only: RFC 6874 section 1. */
function withoutZone(host: string): string {
  return host.startsWith('[') ? host.replace(/^(\[[^\]%]*)%[^\]]*\]/, '$1]') : host;
}

function putHost({ kept, hostAt }: Facts, host: string): void {
  if (hostAt < 0) kept.push('Host', host);
  else kept[hostAt] = host;
}

/** Appends the client to the earlier senders, in one header, since some components read only the first. */
function pushForwarded(headers: string[], facts: Facts, isListed: boolean, client: string | undefined): void {
  const { forwardedFor, firstFor = '', proto = '', forwardedHost: host = '', forwarded = '' } = facts;
  const value = forwarded === '' ? forwardedValue({ for: firstFor, proto, host }) : undefined;
  if (value !== undefined) {
    // Replaces them all, as Go's Header.Set does: the first of them is empty.
    dropAll(headers, 'forwarded');
    headers.push('Forwarded', value);
  }
  const before = isListed ? undefined : forwardedFor;
  if (client !== undefined) headers.push('X-Forwarded-For', joined(before, client));
  else if (before !== undefined) headers.push('X-Forwarded-For', before);
}
