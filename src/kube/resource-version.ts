import type { KubernetesObject } from '../contract/kubernetes.ts';

/** Canonical decimal numbers of any length, as KEP-5504 promises for every API server from 1.35 on. */
const COMPARABLE = /^(0|[1-9][0-9]*)$/;

/**
 * Which of two resourceVersions of one kind is the later: negative when `a` is older, 0 when they are equal, positive when
 * `a` is newer, undefined when they cannot be ordered (an aggregated API server may use any string).
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version
 */
export function compareResourceVersions(a: string | undefined, b: string | undefined): number | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return 0;
  if (!COMPARABLE.test(a) || !COMPARABLE.test(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}

/** Preconditions of a DELETE that is to remove only this very object, in this very state. */
export function thisVersionOf({ metadata: { uid, resourceVersion } }: KubernetesObject): {
  uid?: string;
  resourceVersion?: string;
} {
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
