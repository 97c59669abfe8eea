import type { KubernetesObject } from './kubernetes.ts';

/** https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/ */
export interface EndpointSlice extends KubernetesObject {
  readonly addressType?: string;
  readonly endpoints?: readonly SliceEndpoint[];
  readonly ports?: readonly SlicePort[];
}

interface SliceEndpoint {
  readonly addresses?: readonly string[];
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
}

interface SlicePort {
  /** The name of the Service's port; empty when the Service has one unnamed port. */
  readonly name?: string;
  readonly protocol?: string;
  readonly port?: number;
}

/** kube-proxy, DNS and gateways find the slices of a Service by this label, whatever controller manages them. */
export const SLICE_SERVICE_LABEL = 'kubernetes.io/service-name';
/** The manager of a slice. Kubernetes' own controller ignores slices of other managers. */
export const SLICE_KEEPER_LABEL = 'endpointslice.kubernetes.io/managed-by';

/** Absent means ready, as the API asks of consumers. */
export function readyEndpoints(slices: readonly EndpointSlice[]): number {
  return slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;
}
