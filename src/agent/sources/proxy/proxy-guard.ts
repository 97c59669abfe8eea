import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { DestinationPolicy } from '../destination-policy.decide.ts';
import { refuseAddresses } from '../guarded-connect.ts';
import type { Resolve } from '../guarded-connect.ts';

/** Behind a proxy the pod's name servers often know nothing of the world, and may take long to say so. */
const RESOLVE_MS = 1_000;

/**
 * Refuses a name that leads out of bounds as far as the pod itself can tell. The proxy resolves it again, and only that
 * one connects: this keeps out what is plainly an alias of a metadata service, and no more. A name that the pod cannot
 * resolve is the proxy's to judge.
 * @throws DestinationRefusedError
 */
export function guardedTarget(
  policy: DestinationPolicy,
  resolve?: Resolve,
): (hostname: string) => Promise<void> {
  const addressesOf = resolve === undefined ? askNameServers : asPromise(resolve);
  return async (hostname) => {
    // An address has been judged as it is written.
    if (isIP(hostname) === 0) refuseAddresses(policy, hostname, await addressesOf(hostname));
  };
}

/** Not by `dns.lookup`: it holds one of the threads that write to the disk for as long as the name servers are silent. */
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
