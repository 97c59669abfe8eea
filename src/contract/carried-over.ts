import { AGENT_ANNOTATIONS, CONTAINERS, PAYLOAD_ANNOTATIONS } from './names.ts';
import { loggedAnnotations } from './payload-agent.ts';
import type { Pod } from './pod.ts';
import { containerNamed, leadingContainer, mirroredProbe } from './served-component.ts';

/**
 * The most that an agent takes over from its pod, in characters of JSON. The stored pod has it twice, and etcd keeps 1.5 MiB
 * of it; a variable that holds more than 128 KiB starts no process at all (MAX_ARG_STRLEN, execve(2)).
 */
export const MAX_CARRIED_OVER = 768 * 1024;
/** Of the probe, which becomes the value of one variable, and of each part of the logger and batcher, which becomes one argument. */
export const MAX_PROBE = 128 * 1024;

const LOGGED = `what ${PAYLOAD_ANNOTATIONS.loggerMetadataAnnotations} names`;

/** Characters of a number in JSON; `true`, `false` and `null` have fewer. */
const LONGEST_NUMBER = 24;

/** The part of a pod that is too long to be taken over by its agent, if any; measured up to the bounds only. */
export function tooLongToCarryOver(pod: Pod): string | undefined {
  const queueProxy = containerNamed(pod, CONTAINERS.queueProxy);
  const probe = queueProxy === undefined ? mirroredProbe(pod)?.probe : undefined;
  if (probe !== undefined && isLongerThan(MAX_PROBE, probe)) return 'the readiness probe';
  const tooLong = tooLongForOneArgument(pod);
  if (tooLong !== undefined) return tooLong;
  const { modelDir, configMountPath, configVolumeName } = AGENT_ANNOTATIONS;
  const parts: readonly (readonly [string, unknown])[] = [
    ['the variables of queue-proxy', queueProxy?.env],
    ['the security context', leadingContainer(pod)?.securityContext],
    ...[modelDir, configMountPath, configVolumeName].map(
      (name) => [`the annotation ${name}`, pod.metadata.annotations?.[name]] as const,
    ),
  ];
  let left = MAX_CARRIED_OVER;
  for (const [name, value] of parts) {
    left = without(left, value);
    if (left < 0) return name;
  }
  return undefined;
}

function tooLongForOneArgument(pod: Pod): string | undefined {
  const annotations = pod.metadata.annotations ?? {};
  const long = Object.values(PAYLOAD_ANNOTATIONS).find((name) => isLongerThan(MAX_PROBE, annotations[name]));
  if (long !== undefined) return `the annotation ${long}`;
  // Last: by now the list of names is short enough to look each of them up.
  return isLongerThan(MAX_PROBE, loggedAnnotations(pod)) ? LOGGED : undefined;
}

function isLongerThan(limit: number, value: unknown): boolean {
  return without(limit, value) < 0;
}

/** What is left of so many characters without the JSON of the value; it stops once nothing is left. */
function without(left: number, value: unknown): number {
  if (value === undefined) return left;
  if (typeof value === 'string') return left - lengthOf(value, left);
  if (typeof value !== 'object' || value === null) return left - LONGEST_NUMBER;
  const inList = Array.isArray(value);
  let rest = left - 2;
  for (const key of Object.keys(value)) {
    rest = without(rest - (inList ? 1 : key.length + 4), (value as Record<string, unknown>)[key]);
    if (rest < 0) break;
  }
  return rest;
}

/** Quotes and control characters take up to six characters of JSON each. */
function lengthOf(text: string, limit: number): number {
  return text.length > limit ? text.length : JSON.stringify(text).length;
}
