import { MmsError } from '../../lib/errors.ts';
import { embeddedIpv4, inNetwork, parseIp, parseNetwork } from './ip-address.decide.ts';
import type { IpAddress, IpNetwork } from './ip-address.decide.ts';

/**
 * Where a user's storageUri must not lead. A pod's metadata service hands out the node's and the workload's credentials
 * to any caller, so a TrainedModel that names it would turn the agent into a way to read them. Loopback and private
 * ranges stay allowed: object stores in the cluster live there.
 */
export type DestinationCheck =
  { readonly allowed: true } | { readonly allowed: false; readonly because: string };

export interface DestinationPolicy {
  /** Checks a host as written, before it is resolved. Use `address` for each address that the name resolves to. */
  host(hostname: string): DestinationCheck;
  /** Checks an address before a connection to it. */
  address(address: string): DestinationCheck;
}

/** A network to deny is not written as an address or a range such as 10.0.0.0/8. */
export class InvalidNetworkError extends MmsError {
  readonly code = 'INVALID_NETWORK';
  readonly retryable = false;
}

/** Metadata services of the clouds. None of them holds models. */
const FORBIDDEN_NETWORKS: ReadonlyMap<string, string> = new Map([
  ['169.254.0.0/16', 'link-local addresses hold cloud metadata services'],
  ['fe80::/10', 'link-local addresses hold cloud metadata services'],
  ['fd00:ec2::/32', "AWS's metadata and pod identity services over IPv6"],
  ['fd20:ce::254/128', "Google Cloud's metadata service over IPv6"],
  ['100.100.100.200/32', "Alibaba Cloud's metadata service"],
  ['168.63.129.16/32', "Azure's platform address"],
  ['192.0.0.192/32', "Oracle Cloud's metadata service"],
]);

const FORBIDDEN_HOSTS: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
]);

/**
 * @param deniedNetworks further addresses or CIDR ranges to deny in this cluster.
 * @throws InvalidNetworkError when one of them is neither.
 */
export function createDestinationPolicy(deniedNetworks: readonly string[] = []): DestinationPolicy {
  const forbidden = [
    ...FORBIDDEN_NETWORKS,
    ...deniedNetworks.map((text) => [text, 'denied by configuration']),
  ].map(([text = '', because = '']) => ({ network: networkOf(text), because }));
  const check = (ip: IpAddress): DestinationCheck => {
    const hit = forbidden.find(({ network }) => inNetwork(ip, network));
    if (hit !== undefined) return { allowed: false, because: hit.because };
    const inner = isUnspecified(ip) ? LOOPBACK[ip.family] : embeddedIpv4(ip);
    return inner === undefined ? { allowed: true } : check(inner);
  };
  return {
    host: (hostname) => {
      const bare = hostname.toLowerCase().replace(/\.+$/, '');
      if (FORBIDDEN_HOSTS.has(bare)) {
        return { allowed: false, because: 'the name of a cloud metadata service' };
      }
      const ip = parseIp(bare);
      return ip === undefined ? { allowed: true } : check(ip);
    },
    address: (address) => {
      const ip = parseIp(address);
      return ip === undefined ? { allowed: false, because: 'not an IP address' } : check(ip);
    },
  };
}

/** Linux treats a connection to 0.0.0.0 or :: as one to itself. */
function isUnspecified(ip: IpAddress): boolean {
  return ip.value === 0n;
}

const LOOPBACK: Readonly<Record<IpAddress['family'], IpAddress>> = {
  4: { family: 4, value: 0x7f00_0001n },
  6: { family: 6, value: 1n },
};

function networkOf(text: string): IpNetwork {
  const network = parseNetwork(text);
  if (network === undefined) {
    throw new InvalidNetworkError(`'${text}' is neither an IP address nor a CIDR range such as 10.0.0.0/8`);
  }
  return network;
}
