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

/** Texts, numbers, lists and objects of all that is taken over: of 5,000 variables there are 15,000. */
export const MAX_VALUES_CARRIED_OVER = 16_000;

const LOGGED = `what ${PAYLOAD_ANNOTATIONS.loggerMetadataAnnotations} names`;

/** Characters of a number in JSON; `true`, `false` and `null` have fewer. */
const LONGEST_NUMBER = 24;

/** The part of a pod that is too long to be taken over by its agent, if any; measured up to the bounds only. */
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
  // Last: by now the list of names is short enough to look each of them up.
  return isTooMuchForOne(loggedAnnotations(pod)) ? LOGGED : undefined;
}

function isTooMuchForOne(value: unknown): boolean {
  return isOver({ characters: MAX_PROBE, values: MAX_VALUES_CARRIED_OVER }, value);
}

/** What is left of the bounds; below zero once one of them is passed. */
interface Room {
  characters: number;
  values: number;
}

/** Takes the JSON of the value off the room, and stops once nothing is left of it. */
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
 * How long a text is as JSON, up to the first length over the limit: quotes and backslashes take two characters, control
 * characters and halves of surrogate pairs six. Not written out: V8 takes ten times as long for a text of such halves.
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
