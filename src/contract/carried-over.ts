import { AGENT_ANNOTATIONS, CONTAINERS, PAYLOAD_ANNOTATIONS } from './names.ts';
import { loggedAnnotations } from './payload-agent.ts';
import type { Pod } from './pod.ts';
import { containerNamed, leadingContainer, mirroredProbe } from './served-component.ts';

/**
 * The most JSON characters that an agent takes over from its pod. The stored pod holds them twice, and etcd's limit is
 * 1.5 MiB. A process with an environment variable over 128 KiB cannot start (MAX_ARG_STRLEN, execve(2)).
 */
export const MAX_CARRIED_OVER = 768 * 1024;
/**
 * The limit of the probe, which becomes one variable, and of each part of the logger and batcher, which becomes one
 * argument.
 */
export const MAX_PROBE = 128 * 1024;

/** The most texts, numbers, lists and objects taken over. 5,000 variables have 15,000. */
export const MAX_VALUES_CARRIED_OVER = 16_000;

const LOGGED = `what ${PAYLOAD_ANNOTATIONS.loggerMetadataAnnotations} names`;

/** Characters of a number in JSON; `true`, `false` and `null` have fewer. */
const LONGEST_NUMBER = 24;

/** The part of a pod that is too long for its agent to take over, if any. Measured up to the limits only. */
export function tooLongToCarryOver(pod: Pod): string | undefined {
  const queueProxy = containerNamed(pod, CONTAINERS.queueProxy);
  const probe = queueProxy === undefined ? mirroredProbe(pod)?.probe : undefined;
  if (probe !== undefined && isTooMuchForOne(probe)) return 'the readiness probe';
  const tooLong = tooLongForOneArgument(pod);
  if (tooLong !== undefined) return tooLong;
  const { modelDir, configMountPath, configVolumeName } = AGENT_ANNOTATIONS;
  const parts: readonly (readonly [string, unknown])[] = [
    ['the variables of queue-proxy', queueProxy?.env],
    ['the security context', leadingContainer(pod)?.securityContext],
    ["the agent container's list of arguments", containerNamed(pod, CONTAINERS.agent)?.args],
    ...[modelDir, configMountPath, configVolumeName].map(
      (name) => [`the annotation ${name}`, pod.metadata.annotations?.[name]] as const,
    ),
  ];
  const room: Room = { characters: MAX_CARRIED_OVER, values: MAX_VALUES_CARRIED_OVER };
  return parts.find(([, value]) => isOver(room, value))?.[0];
}

function tooLongForOneArgument(pod: Pod): string | undefined {
  const annotations = pod.metadata.annotations ?? {};
  const long = Object.values(PAYLOAD_ANNOTATIONS).find((name) => isTooMuchForOne(annotations[name]));
  if (long !== undefined) return `the annotation ${long}`;
  // Last: by now the list of names is known to be short, so each can be looked up.
  return isTooMuchForOne(loggedAnnotations(pod)) ? LOGGED : undefined;
}

function isTooMuchForOne(value: unknown): boolean {
  return isOver({ characters: MAX_PROBE, values: MAX_VALUES_CARRIED_OVER }, value);
}

/** What remains of the limits. Negative once one is exceeded. */
interface Room {
  characters: number;
  values: number;
}

/** Subtracts the value's JSON from the room, and stops once none remains. */
function isOver(room: Room, value: unknown): boolean {
  if (value === undefined) return false;
  room.values -= 1;
  if (typeof value === 'string') room.characters -= lengthOf(value, room.characters);
  else if (typeof value !== 'object' || value === null) room.characters -= LONGEST_NUMBER;
  else takeInner(room, value);
  return room.characters < 0 || room.values < 0;
}

function takeInner(room: Room, value: object): void {
  room.characters -= 2;
  if (Array.isArray(value)) {
    room.characters -= value.length;
    value.some((inner: unknown) => isOver(room, inner));
    return;
  }
  for (const key of Object.keys(value)) {
    room.characters -= key.length + 4;
    if (isOver(room, (value as Record<string, unknown>)[key])) return;
  }
}

/**
 * The length of a text as JSON, up to the first length over the limit. Quotes and backslashes take two characters,
 * control characters and lone surrogates six. It is not serialized, because V8 takes ten times as long for lone
 * surrogates.
 */
function lengthOf(text: string, limit: number): number {
  let length = 2 + text.length;
  for (let at = 0; at < text.length && length <= limit; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE || code === BACKSLASH) length += 1;
    else if (code < SPACE) length += 5;
    else if (code >= FIRST_SURROGATE && code <= LAST_SURROGATE) {
      if (isPair(text, at)) at += 1;
      else length += 5;
    }
  }
  return length;
}

const [QUOTE, BACKSLASH, SPACE] = [0x22, 0x5c, 0x20];
const [FIRST_SURROGATE, LAST_SURROGATE] = [0xd800, 0xdfff];

function isPair(text: string, at: number): boolean {
  return (text.codePointAt(at) ?? 0) > 0xffff;
}
