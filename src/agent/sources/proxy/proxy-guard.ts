import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { DestinationPolicy } from '../destination-policy.decide.ts';
import { refuseAddresses } from '../guarded-connect.ts';
import type { Resolve } from '../guarded-connect.ts';

/** Behind a proxy the pod's name servers often cannot resolve outside names, and may take long to answer so. */
const RESOLVE_MS = 1_000;

/**
 * Refuses a name with a denied address, as far as the pod itself can resolve it. The proxy resolves it again, and only
 * the proxy connects, so this catches no more than plain aliases of a metadata service. A name that the pod cannot
 * resolve is left to the proxy.
 * @throws DestinationRefusedError
 */
export function guardedTarget(
  policy: DestinationPolicy,
  resolve?: Resolve,
): (hostname: string) => Promise<void> {
  const addressesOf = resolve === undefined ? askNameServers : asPromise(resolve);
  return async (hostname) => {
    // An IP address has been checked as written.
    if (isIP(hostname) === 0) refuseAddresses(policy, hostname, await addressesOf(hostname));
  };
}

/** Not `dns.lookup`: it blocks one of the threads that write to the disk until the name servers answer. */
async function askNameServers(hostname: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: RESOLVE_MS, tries: 1 });
  const giveUp = setTimeout(() => resolver.cancel(), RESOLVE_MS);
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  clearTimeout(giveUp);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}

function asPromise(resolve: Resolve): (hostname: string) => Promise<string[]> {
  return (hostname) =>
    new Promise((done) =>
      resolve(hostname, (error, addresses) =>
        done(error === null ? addresses.map(({ address }) => address) : []),
      ),
    );
}
