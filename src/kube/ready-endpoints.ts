import type { ApiClient, CallOptions } from './api-client.ts';
import { ENDPOINT_SLICES } from './resources.ts';

/** Whether any pod behind a Service is ready. */
export async function hasReadyEndpoint(
  client: ApiClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  options?: CallOptions,
): Promise<boolean> {
  const labelSelector = `kubernetes.io/service-name=${name}`;
  const { items } = await client.list(ENDPOINT_SLICES, { namespace, labelSelector }, options);
  return items.some(({ endpoints }) =>
    // Absent means ready, as consumers are told to take it.
    (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false),
  );
}
