import { readyEndpoints, SLICE_SERVICE_LABEL } from '../contract/endpoint-slice.ts';
import type { ApiClient } from './api-client.ts';
import type { CallOptions } from './transport.ts';
import { ENDPOINT_SLICES } from './resources.ts';

/** Whether any pod behind a Service is ready. */
export async function hasReadyEndpoint(
  client: ApiClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  options?: CallOptions,
): Promise<boolean> {
  const labelSelector = `${SLICE_SERVICE_LABEL}=${name}`;
  const { items } = await client.list(ENDPOINT_SLICES, { namespace, labelSelector }, options);
  return readyEndpoints(items) > 0;
}
