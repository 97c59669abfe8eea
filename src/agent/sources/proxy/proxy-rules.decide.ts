import { inNetwork, parseIp, parseNetwork } from '../ip-address.decide.ts';
import type { IpAddress } from '../ip-address.decide.ts';
import { BYPASS_VARIABLES, PROXY_VARIABLES, firstSet } from './proxy-variables.decide.ts';
import type { ProxyEnvironment } from './proxy-variables.decide.ts';

/** A proxy as the environment names it. */
export interface ProxyServer {
  readonly variable: string;
  /** `http:` or `https:`, perhaps with a user and a password: never show it. */
  readonly url: URL;
  /** `user:password`, decoded. */
  readonly credentials: string | undefined;
}

/** How a request reaches its server. */
type ProxyChoice =
  | { readonly kind: 'direct' }
  | { readonly kind: 'proxy'; readonly proxy: ProxyServer }
  /** `because` does not quote the value, which may hold a password. */
  | { readonly kind: 'unusable'; readonly variable: string; readonly because: string };

type Named = Exclude<ProxyChoice, { readonly kind: 'direct' }>;

/** What the environment says about proxies, read once. */
interface ProxyRules {
  readonly http: Named | undefined;
  readonly https: Named | undefined;
  readonly bypass: readonly Matcher[];
}

interface Destination {
  readonly host: string;
  readonly port: string;
  readonly ip: IpAddress | undefined;
}

type Matcher = (destination: Destination) => boolean;

const DIRECT: ProxyChoice = { kind: 'direct' };
const IPV4_LOOPBACK = { family: 4, value: 0x7f00_0000n, prefix: 8 } as const;

/**
 * Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY, also in lower case, as Go does for KServe's agent:
 * golang.org/x/net/http/httpproxy. Two things differ: a value that is not a URL is an error when it would be used, and
 * not a direct connection; so are socks5 proxies.
 */
export function readProxyRules(env: ProxyEnvironment): ProxyRules {
  const list = firstSet(env, BYPASS_VARIABLES)?.value ?? '';
  return {
    http: namedBy(env, PROXY_VARIABLES['http:']),
    https: namedBy(env, PROXY_VARIABLES['https:']),
    bypass: list.split(',').flatMap((entry) => matcherOf(entry.trim().toLowerCase()) ?? []),
  };
}

/** Requests to localhost and loopback addresses never go through a proxy, whatever the environment says. */
export function chooseProxy(rules: ProxyRules, url: URL): ProxyChoice {
  const secure = url.protocol === 'https:';
  const named = secure ? rules.https : rules.http;
  if (named === undefined) return DIRECT;
  const host = withoutBrackets(url.hostname);
  const port = url.port === '' ? (secure ? '443' : '80') : url.port;
  const destination = { host, port, ip: plainIp(host) };
  if (host === 'localhost' || isLoopback(destination.ip)) return DIRECT;
  return rules.bypass.some((matches) => matches(destination)) ? DIRECT : named;
}

function namedBy(env: ProxyEnvironment, names: readonly string[]): Named | undefined {
  const set = firstSet(env, names);
  if (set === undefined) return undefined;
  const { variable, value } = set;
  const text = value.includes('://') ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const unusable = (because: string): Named => ({ kind: 'unusable', variable, because });
  if (url === undefined || url.hostname === '') return unusable('it is not a URL such as http://proxy:3128');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return unusable(`its scheme is ${url.protocol}//, and only http:// and https:// proxies are supported`);
  }
  const { username, password } = url;
  if (username === '' && password === '') {
    return { kind: 'proxy', proxy: { variable, url, credentials: undefined } };
  }
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { kind: 'proxy', proxy: { variable, url, credentials } };
  } catch {
    return unusable('its user or password has a % that does not begin a %XX; write %25 for %');
  }
}

/** One entry of NO_PROXY: `*`, a network, an address or a domain. The latter two may have a port. */
function matcherOf(entry: string): Matcher | undefined {
  if (entry === '') return undefined;
  if (entry === '*') return () => true;
  const network = entry.includes('/') ? parseNetwork(entry) : undefined;
  if (network !== undefined) return ({ ip }) => ip !== undefined && inNetwork(ip, network);
  const { host, port } = splitPort(entry);
  if (host === '') return undefined;
  const fits = (destination: Destination): boolean => port === '' || port === destination.port;
  const address = plainIp(host);
  if (address !== undefined) {
    return (to) => to.ip?.family === address.family && to.ip.value === address.value && fits(to);
  }
  return domainMatcher(host, fits);
}

/** `example.com` matches itself and its subdomains, `.example.com` and `*.example.com` only the subdomains. */
function domainMatcher(name: string, fits: Matcher): Matcher {
  const domain = name.replace(/^\*(?=\.)/, '');
  const onlyBelow = domain.startsWith('.');
  const bare = asciiHost(onlyBelow ? domain.slice(1) : domain);
  return (to) => (to.host.endsWith(`.${bare}`) || (!onlyBelow && to.host === bare)) && fits(to);
}

function splitPort(entry: string): { host: string; port: string } {
  const [, bracketed, plain, port = ''] = /^(?:\[(.*)\]|([^:]*)):([^:]*)$/.exec(entry) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? { host: entry, port: '' } : { host, port };
}

/** A URL holds international names in their ASCII form. */
function asciiHost(name: string): string {
  return URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname : name;
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** An address. An IPv4-mapped IPv6 address counts as its IPv4 address. */
function plainIp(text: string): IpAddress | undefined {
  const ip = parseIp(text);
  const isMapped = ip?.family === 6 && ip.value >> 32n === 0xffffn;
  return isMapped ? { family: 4, value: ip.value & 0xffff_ffffn } : ip;
}

function isLoopback(ip: IpAddress | undefined): boolean {
  if (ip === undefined) return false;
  return ip.family === 6 ? ip.value === 1n : inNetwork(ip, IPV4_LOOPBACK);
}
