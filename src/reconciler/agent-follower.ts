import { Agent, request } from 'undici';
import { createAgentLineCutter, StreamFaultError } from './agent-lines.ts';
import { createAgentMemory, NO_ROOM } from './agent-memory.ts';
import type { AgentMemory, AgentMemoryOptions, Place } from './agent-memory.ts';
import type { ReadingTurns } from './reading-turns.ts';
import { backoffDelay } from '../core/backoff.ts';
import { milliseconds, seconds } from '../core/clock.ts';
import type { Milliseconds, MonotonicMs, Random } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { ReplicaModel } from '../core/replica-view.ts';
import { startDeadline } from '../kube/deadline.ts';

export interface AgentFollowerOptions extends Omit<AgentMemoryOptions, 'onGaveWay'> {
  /** Where the agent serves its status: `http://10.0.0.7:9082`. */
  readonly baseUrl: string;
  readonly connections: Agent;
  readonly turns: ReadingTurns;
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
const BACKOFF = { base: milliseconds(250), cap: seconds(15) };
/** A stream that lasted so long was a good one. */
const GOOD_AFTER = seconds(10);
/** After what is not as documented, or more than is kept: it will most likely be the same again. */
const FAULT_BACKOFF = { base: seconds(1), cap: seconds(300) };
/** A fault is forgiven once a stream has been good for so long. */
const FORGIVEN_AFTER = seconds(600);
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

/**
 * Follows the stream of changes of docs/agent-status.md until it is stopped, over as many connections as it takes. What
 * the agent sends is untrusted: bounded in size and in pace, and anything that is not as documented ends the connection.
 */
export function followAgent(options: AgentFollowerOptions): AgentStreamFollower {
  const { clock, random, onFault, onChange } = options;
  const stopping = new AbortController();
  let connection = new AbortController();
  let silence: AgentFollower['silence'] = { since: clock.monotonic(), why: '', refused: false };
  let gaveWay = false;
  let again = false;
  const memory = createAgentMemory({
    ...options,
    onGaveWay: () => {
      gaveWay = true;
      connection.abort();
    },
  });
  const news: News = {
    heard: () => {
      if (silence !== undefined) news.everything();
    },
    everything: () => {
      silence = undefined;
      onChange(undefined);
    },
  };

  async function once(): Promise<unknown> {
    connection = new AbortController();
    [gaveWay, again] = [false, false];
    const abort = (): void => connection.abort();
    stopping.signal.addEventListener('abort', abort, { once: true });
    try {
      memory.begin();
      const ended = await listen(options, memory, news, connection);
      return gaveWay ? new StreamFaultError(NO_ROOM) : ended;
    } finally {
      stopping.signal.removeEventListener('abort', abort);
    }
  }

  /** Another snapshot is asked for, since a model has appeared: nothing is wrong with the agent. */
  const isWantedAgain = (): boolean => again;

  async function follow(): Promise<void> {
    const waits = newWaits(random);
    for (;;) {
      const startedAt = clock.monotonic();
      const ended = await once();
      if (stopping.signal.aborted) return;
      const wait = waits.after(ended, milliseconds(clock.monotonic() - startedAt));
      if (isWantedAgain()) {
        memory.forgetPlace();
        await clock.sleep(AGAIN_AFTER, stopping.signal);
        continue;
      }
      if (ended instanceof StreamFaultError) {
        // A faulty stream is begun anew: what was missed is not known.
        memory.forgetPlace();
        onFault(ended.message, Math.round(wait));
      }
      const since = silence?.since ?? clock.monotonic();
      silence = { since, why: whyOf(ended), refused: isRefused(ended) };
      onChange(undefined);
      await clock.sleep(wait, stopping.signal);
    }
  }

  const finished = follow();
  return {
    get models() {
      return memory.models;
    },
    get silence() {
      return silence;
    },
    modelAppeared() {
      if (!memory.incomplete || silence !== undefined || again) return;
      again = true;
      connection.abort();
    },
    modelGone: memory.forget,
    async stop() {
      stopping.abort();
      await finished;
      memory.close();
    },
  };
}

/** How long to wait after each connection. */
function newWaits(random: Random): { after(ended: unknown, lasted: Milliseconds): Milliseconds } {
  let [failures, faults] = [0, 0];
  return {
    after(ended, lasted) {
      failures = lasted > GOOD_AFTER ? 1 : failures + 1;
      if (!(ended instanceof StreamFaultError)) return backoffDelay(failures, BACKOFF, random);
      faults = lasted > FORGIVEN_AFTER ? 1 : faults + 1;
      return backoffDelay(faults, FAULT_BACKOFF, random);
    },
  };
}

interface News {
  /** The agent is heard of, with nothing new so far. */
  readonly heard: () => void;
  /** It told of all of its models. */
  readonly everything: () => void;
}

/** One connection, from opening to its end; resolves with what ended it. Never rejects. */
async function listen(
  { baseUrl, connections, clock, turns, group }: AgentFollowerOptions,
  memory: AgentMemory,
  news: News,
  connection: AbortController,
): Promise<unknown> {
  const abort = (): void => connection.abort();
  let deadline = startDeadline(clock, CONNECT_WITHIN, connection.signal);
  deadline.signal.addEventListener('abort', abort, { once: true });
  const alive = (): void => {
    deadline.clear();
    deadline = startDeadline(clock, HEARD_WITHIN, connection.signal);
    deadline.signal.addEventListener('abort', abort, { once: true });
  };
  const { place } = memory;
  try {
    const { statusCode, body } = await request(`${baseUrl}/v1/models/watch${queryOf(place)}`, {
      ...{ dispatcher: connections, signal: connection.signal, highWaterMark: READ_AHEAD },
    });
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
      const lines = await turns.run(group, () =>
        connection.signal.aborted ? 0 : take(cutter.push(chunk), memory, news),
      );
      if (connection.signal.aborted) break;
      if (lines > 0) alive();
    }
    return new Error('the connection was closed');
  } catch (thrown) {
    return deadline.expired ? new Error('no answer in time') : thrown;
  } finally {
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
  return messageOf(fault).slice(0, 120);
}

function isRefused(fault: unknown): boolean {
  return typeof fault === 'object' && fault !== null && (fault as { code?: unknown }).code === 'ECONNREFUSED';
}
