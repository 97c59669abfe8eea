import { lookup as dnsLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import type { DestinationPolicy, DestinationCheck } from './destination-policy.decide.ts';
import { DestinationRefusedError } from './errors.ts';
import { printable } from './redact.ts';

/** Resolves a name to all its addresses: `dns.lookup` with `all: true`, or a fake in tests. */
export type Resolve = (
  hostname: string,
  done: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void;

/**
 * Refuses a host as written. Node connects to an IP address without a lookup, so for addresses this is the only check.
 * The addresses of a name are checked by {@link guardedLookup}.
 * @param hostname without the brackets of an IPv6 address.
 * @throws DestinationRefusedError
 */
export function refuseHost(policy: DestinationPolicy, hostname: string): void {
  const refusal = refusalOf(hostname, policy.host(hostname));
  if (refusal !== undefined) throw refusal;
}

/**
 * A `lookup` for net.connect that fails if any of the name's addresses is denied. It runs at connect time, on
 * the very addresses that are then connected to, so neither a redirect nor a name that resolves differently the second
 * time gets round it.
 */
export function guardedLookup(policy: DestinationPolicy, resolve: Resolve = resolveAll): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      const first = addresses[0];
      if (error !== null || first === undefined) {
        callback(
          error ?? Object.assign(new Error(`no address for ${hostname}`), { code: 'ENOTFOUND' }),
          '',
          0,
        );
        return;
      }
      const all = addresses.map(({ address }) => address);
      const refusal = refusalOfAny(policy, hostname, all);
      if (refusal !== undefined) callback(refusal, '', 0);
      else if (options.all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };
}

/**
 * Refuses a name if any of its addresses is denied.
 * @throws DestinationRefusedError
 */
export function refuseAddresses(
  policy: DestinationPolicy,
  hostname: string,
  addresses: readonly string[],
): void {
  const refusal = refusalOfAny(policy, hostname, addresses);
  if (refusal !== undefined) throw refusal;
}

function refusalOfAny(
  policy: DestinationPolicy,
  hostname: string,
  addresses: readonly string[],
): DestinationRefusedError | undefined {
  for (const address of addresses) {
    const refusal = refusalOf(`${hostname} (${address})`, policy.address(address));
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

const resolveAll: Resolve = (hostname, done) => {
  if (isIP(hostname) !== 0) {
    done(null, [{ address: hostname, family: isIP(hostname) }]);
    return;
  }
  // With an error Node passes no addresses, which its types do not say.
  dnsLookup(hostname, { all: true }, (error, addresses) => done(error, error === null ? addresses : []));
};

function refusalOf(shown: string, check: DestinationCheck): DestinationRefusedError | undefined {
  if (check.allowed) return undefined;
  return new DestinationRefusedError(
    `connections to ${printable(shown)} are refused: ${check.because}. Name a store that holds models.`,
  );
}
