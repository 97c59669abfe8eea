import { Agent, request } from 'undici';
import { createAgentLineCutter, StreamFaultError } from './agent-lines.ts';
import { createAgentMemory, NO_ROOM } from './agent-memory.ts';
import type { AgentMemory, AgentMemoryOptions, Place } from './agent-memory.ts';
import { newWaits } from './follower-waits.ts';
import type { OpeningSlots } from './opening-slots.ts';
import type { ReadingTurns } from './reading-turns.ts';
import { shortened } from '../../contract/cause-text.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { MonotonicMs, Random } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { ReplicaModel } from '../../contract/model-loaded.ts';
import { startDeadline } from '../../lib/deadline.ts';

export interface AgentFollowerOptions extends Omit<AgentMemoryOptions, 'onGaveWay'> {
  /** Where the agent serves its status: `http://10.0.0.7:9082`. */
  readonly baseUrl: string;
  readonly connections: Agent;
  readonly turns: ReadingTurns;
  readonly slots: OpeningSlots;
  /** The pod's InferenceService; what is shared out among all followers is shared out by namespace and by this. */
  readonly inferenceService: string;
  readonly random: Random;
  /** Told each time that the connection is ended for what came of it, and when it is tried again. Must not throw. */
  readonly onFault: (why: string, retryInMs: number) => void;
}

/** What one agent says, for as long as it is followed. */
export interface AgentFollower {
  readonly models: ReadonlyMap<string, ReplicaModel>;
  /** Undefined while it is heard of; else since when it is not, and why. */
  readonly silence:
    { readonly since: MonotonicMs; readonly why: string; readonly refused: boolean } | undefined;
  stop(): Promise<void>;
}

/** A follower of the stream of changes; which models there are is asked for each that comes. */
export interface AgentStreamFollower extends AgentFollower {
  /** There is a model now that may have been left out before. */
  modelAppeared(): void;
  /** The model is gone: nothing is kept of it. */
  modelGone(name: string): void;
}

const CONNECT_WITHIN = seconds(5);
/** The agent sends a heartbeat every 15 s; and what it begins to say, it says within so long. */
const HEARD_WITHIN = seconds(40);
/** The wait for the next sign of life is not begun anew more often than this: each is a timer of its own. */
const HEARD_EVERY = seconds(1);
/** The least time between two snapshots that are asked for because of models that have appeared. */
const AGAIN_AFTER = seconds(5);
/** What is read ahead of a connection; together with the socket's own, some 64 KiB. */
const READ_AHEAD = 16 * 1024;

/** Connections to agents: one each, never waited for by another. */
export function agentConnections(): Agent {
  return new Agent({
    connect: { timeout: CONNECT_WITHIN },
    headersTimeout: CONNECT_WITHIN,
    bodyTimeout: 0,
    maxHeaderSize: 16 * 1024,
  });
}

/** What changes while an agent is followed. */
interface Following {
  connection: AbortController;
  silence: AgentFollower['silence'];
  /** The connection was ended to make room for others. */
  gaveWay: boolean;
  /** Another snapshot is asked for, since a model has appeared: nothing is wrong with the agent. */
  again: boolean;
}

/**
 * Follows the stream of changes of docs/agent-status.md until it is stopped, over as many connections as it takes. What
 * the agent sends is untrusted: bounded in size and in pace, and anything that is not as documented ends the connection.
 */
export function followAgent(options: AgentFollowerOptions): AgentStreamFollower {
  const stopping = new AbortController();
  const state: Following = {
    connection: new AbortController(),
    silence: { since: options.clock.monotonic(), why: '', refused: false },
    gaveWay: false,
    again: false,
  };
  const memory = createAgentMemory({
    ...options,
    onGaveWay: () => {
      state.gaveWay = true;
      state.connection.abort();
    },
  });
  const finished = follow(options, state, memory, stopping.signal);
  return {
    get models() {
      return memory.models;
    },
    get silence() {
      return state.silence;
    },
    modelAppeared() {
      if (!memory.incomplete || state.silence !== undefined || state.again) return;
      state.again = true;
      state.connection.abort();
    },
    modelGone: memory.forget,
    async stop() {
      stopping.abort();
      await finished;
      memory.close();
    },
  };
}

/** Connects again and again until the signal aborts. Never rejects. */
async function follow(
  options: AgentFollowerOptions,
  state: Following,
  memory: AgentMemory,
  stopping: AbortSignal,
): Promise<void> {
  const { clock, random, onFault, onChange } = options;
  const waits = newWaits(random);
  // It may be stopped while it waits, too: what is connected after that would never be given up.
  const stopped = (): boolean => stopping.aborted;
  while (!stopped()) {
    const startedAt = clock.monotonic();
    const ended = await connectOnce(options, state, memory, stopping);
    if (stopped()) return;
    const faulty = ended instanceof StreamFaultError;
    const lasted = milliseconds(clock.monotonic() - startedAt);
    const wait = waits.after({ faulty, lasted, faultyPods: options.faultyPods() + (faulty ? 1 : 0) });
    if (state.again) {
      memory.forgetPlace();
      await clock.sleep(AGAIN_AFTER, stopping);
      continue;
    }
    if (faulty) {
      // What a faulty stream left out is not known, so the next one begins with a snapshot.
      memory.forgetPlace();
      onFault(ended.message, Math.round(wait));
    }
    const since = state.silence?.since ?? clock.monotonic();
    state.silence = { since, why: whyOf(ended), refused: isRefused(ended) };
    onChange(undefined);
    await clock.sleep(wait, stopping);
  }
}

/** Resolves with what ended the connection. */
async function connectOnce(
  options: AgentFollowerOptions,
  state: Following,
  memory: AgentMemory,
  stopping: AbortSignal,
): Promise<unknown> {
  const everything = (): void => {
    state.silence = undefined;
    options.onChange(undefined);
  };
  const news: News = {
    heard: () => {
      if (state.silence !== undefined) everything();
    },
    everything,
  };
  const connection = new AbortController();
  state.connection = connection;
  state.gaveWay = false;
  state.again = false;
  const abort = (): void => connection.abort();
  stopping.addEventListener('abort', abort, { once: true });
  try {
    memory.begin();
    const ended = await listen(options, memory, news, connection);
    return hasGivenWay(state) ? new StreamFaultError(NO_ROOM) : ended;
  } finally {
    stopping.removeEventListener('abort', abort);
  }
}

/** TypeScript believes that a field stays as it was set before an await. */
function hasGivenWay({ gaveWay }: Following): boolean {
  return gaveWay;
}

interface News {
  /** The agent is heard of, with nothing new so far. */
  readonly heard: () => void;
  /** It has reported all of its models. */
  readonly everything: () => void;
}

/** One connection, from opening to its end; resolves with what ended it. Never rejects. */
async function listen(
  { baseUrl, connections, clock, turns, slots, group, inferenceService }: AgentFollowerOptions,
  memory: AgentMemory,
  news: News,
  connection: AbortController,
): Promise<unknown> {
  const sharer = { namespace: group, inferenceService };
  const giveBack = await slots.take(sharer, connection.signal);
  if (giveBack === undefined) return new Error('it is not followed any more');
  const abort = (): void => connection.abort();
  let deadline = startDeadline(clock, CONNECT_WITHIN, connection.signal);
  deadline.signal.addEventListener('abort', abort, { once: true });
  let heardAt = -Infinity;
  const alive = (): void => {
    const now = clock.monotonic();
    if (now - heardAt < HEARD_EVERY) return;
    heardAt = now;
    deadline.clear();
    deadline = startDeadline(clock, HEARD_WITHIN, connection.signal);
    deadline.signal.addEventListener('abort', abort, { once: true });
  };
  const { place } = memory;
  try {
    const { statusCode, body } = await request(`${baseUrl}/v1/models/watch${queryOf(place)}`, {
      ...{ dispatcher: connections, signal: connection.signal, highWaterMark: READ_AHEAD },
    });
    giveBack();
    if (statusCode !== 200) {
      // Without a listener the abort of what is left of it would end the process.
      body.on('error', () => undefined).destroy();
      return new Error(`it answered ${statusCode}`);
    }
    alive();
    // With nothing new to say since then the stream is silent until the next heartbeat.
    if (place !== undefined) news.heard();
    const cutter = createAgentLineCutter(clock);
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      const lines = await turns.run(sharer, () =>
        connection.signal.aborted ? 0 : take(cutter.push(chunk), memory, news),
      );
      if (connection.signal.aborted) break;
      if (lines > 0) alive();
    }
    return new Error('the connection was closed');
  } catch (thrown) {
    return deadline.expired ? new Error('no answer in time') : thrown;
  } finally {
    giveBack();
    deadline.clear();
    connection.abort();
  }
}

/** How many lines ended. */
function take(
  pieces: ReturnType<ReturnType<typeof createAgentLineCutter>['push']>,
  memory: AgentMemory,
  news: News,
): number {
  let lines = 0;
  for (const piece of pieces) {
    if (memory.take(piece)) news.everything();
    if (piece.kind === 'line') lines += 1;
  }
  return lines;
}

function queryOf(place: Place | undefined): string {
  return place === undefined ? '' : `?instance=${encodeURIComponent(place.instance)}&since=${place.sequence}`;
}

function whyOf(fault: unknown): string {
  if (isRefused(fault)) return 'nothing listens there';
  return shortened(messageOf(fault), 120);
}

function isRefused(fault: unknown): boolean {
  return typeof fault === 'object' && fault !== null && (fault as { code?: unknown }).code === 'ECONNREFUSED';
}
