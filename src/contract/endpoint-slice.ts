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
  /** That of the Service's port; empty where the Service has one port without a name. */
  readonly name?: string;
  readonly protocol?: string;
  readonly port?: number;
}

/** By this label kube-proxy, DNS and gateways find the slices of a Service, whoever keeps them. */
export const SLICE_SERVICE_LABEL = 'kubernetes.io/service-name';
/** Who keeps a slice: Kubernetes' own controller leaves those of others alone. */
export const SLICE_KEEPER_LABEL = 'endpointslice.kubernetes.io/managed-by';

/** Absent means ready, as consumers are told to take it. */
export function readyEndpoints(slices: readonly EndpointSlice[]): number {
  return slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;
}
