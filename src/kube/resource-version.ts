import type { KubernetesObject } from '../contract/kubernetes.ts';

/** Canonical decimal numbers of any length, as KEP-5504 promises for every API server from 1.35 on. */
const COMPARABLE = /^(0|[1-9][0-9]*)$/;

/**
 * Which of two resourceVersions of one kind is later: negative if `a` is older, 0 if they are equal, positive if
 * `a` is newer, undefined if they have no order (an aggregated API server may use any string).
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return 0;
  if (!COMPARABLE.test(a) || !COMPARABLE.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}

/** Preconditions of a DELETE that may remove only this very object, in this very state. */
export function thisVersionOf({ metadata: { uid, resourceVersion } }: KubernetesObject): {
  uid?: string;
  resourceVersion?: string;
} {
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
