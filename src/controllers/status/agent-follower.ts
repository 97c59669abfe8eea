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
  /** The URL of the agent's status endpoint: `http://10.0.0.7:9082`. */
  readonly baseUrl: string;
  readonly connections: Agent;
  readonly turns: ReadingTurns;
  readonly slots: OpeningSlots;
  /** The pod's InferenceService. Resources shared by all followers are divided by namespace and by this. */
  readonly inferenceService: string;
  readonly random: Random;
  /**
   * Called each time the connection is closed because of invalid data, with the time until the next try. Must not
   * throw.
   */
  readonly onFault: (why: string, retryInMs: number) => void;
}

/** One agent's reports, for as long as it is followed. */
export interface AgentFollower {
  readonly models: ReadonlyMap<string, ReplicaModel>;
  /** Undefined while the agent is heard; else since when it is silent, and why. */
  readonly silence:
    { readonly since: MonotonicMs; readonly why: string; readonly refused: boolean } | undefined;
  stop(): Promise<void>;
}

/** Follows the stream of changes. Whether a model exists is looked up for each report. */
export interface AgentStreamFollower extends AgentFollower {
  /** A model now exists that may have been left out before. */
  modelAppeared(): void;
  /** The model is deleted: its state is dropped. */
  modelGone(name: string): void;
}

const CONNECT_WITHIN = seconds(5);
/** The agent sends a heartbeat every 15 s, and a message that it has begun must end within this time. */
const HEARD_WITHIN = seconds(40);
/** The deadline for the next sign of life is not reset more often than this, since each reset is a new timer. */
const HEARD_EVERY = seconds(1);
/** The least time between two snapshots that are requested because models have appeared. */
const SNAPSHOT_INTERVAL = seconds(5);
/** Read-ahead per connection. With the socket's own buffer, some 64 KiB. */
const READ_AHEAD = 16 * 1024;

/** Connections to agents: one each, so that none waits for another. */
export function agentConnections(): Agent {
  return new Agent({
    connect: { timeout: CONNECT_WITHIN },
    headersTimeout: CONNECT_WITHIN,
    bodyTimeout: 0,
    maxHeaderSize: 16 * 1024,
  });
}

/** The state that changes while an agent is followed. */
interface Following {
  connection: AbortController;
  silence: AgentFollower['silence'];
  /** The connection was closed to make room for others. */
  gaveWay: boolean;
  /** Another snapshot is requested because a model has appeared. The agent is not at fault. */
  again: boolean;
}

/**
 * Follows the stream of changes of docs/agent-status.md until it is stopped, over as many connections as needed. The
 * agent's data is untrusted: it is bounded in size and rate, and anything undocumented closes the connection.
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
  // It may be stopped during the wait too. A connection opened after that would never be closed.
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
      await clock.sleep(SNAPSHOT_INTERVAL, stopping);
      continue;
    }
    if (faulty) {
      // It is unknown what a faulty stream left out, so the next one begins with a snapshot.
      memory.forgetPlace();
      onFault(ended.message, Math.round(wait));
    }
    const since = state.silence?.since ?? clock.monotonic();
    state.silence = { since, why: whyOf(ended), refused: isRefused(ended) };
    onChange(undefined);
    await clock.sleep(wait, stopping);
  }
}

/** Resolves with the reason why the connection ended. */
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

/** TypeScript assumes that a field keeps its value across an await. */
function hasGivenWay({ gaveWay }: Following): boolean {
  return gaveWay;
}

interface News {
  /** The agent was heard, without news so far. */
  readonly heard: () => void;
  /** It has reported all of its models. */
  readonly everything: () => void;
}

/** One connection, from opening to its end. Resolves with the reason for the end. Never rejects. */
async function listen(
  { baseUrl, connections, clock, turns, slots, group, inferenceService }: AgentFollowerOptions,
  memory: AgentMemory,
  news: News,
  connection: AbortController,
): Promise<unknown> {
  const sharer = { namespace: group, inferenceService };
  const giveBack = await slots.take(sharer, connection.signal);
  if (giveBack === undefined) return new Error('it is no longer followed');
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
      // Without a listener, an abort error of the body would end the process.
      body.on('error', () => undefined).destroy();
      return new Error(`it answered ${statusCode}`);
    }
    alive();
    // Without changes since then, the stream is silent until the next heartbeat.
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

/** Returns how many lines ended. */
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
  if (isRefused(fault)) return 'connection refused';
  return shortened(messageOf(fault), 120);
}

function isRefused(fault: unknown): boolean {
  return typeof fault === 'object' && fault !== null && (fault as { code?: unknown }).code === 'ECONNREFUSED';
}
