import { Agent, request } from 'undici';
import { MAX_LINE, readLines, StreamFaultError } from './agent-lines.ts';
import { readAgentLine } from '../core/agent-status-reading.ts';
import type { AgentLine } from '../core/agent-status-reading.ts';
import { backoffDelay } from '../core/backoff.ts';
import { milliseconds, seconds } from '../core/clock.ts';
import type { Clock, MonotonicMs, Random } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { ReplicaModel } from '../core/replica-view.ts';
import { startDeadline } from '../kube/deadline.ts';

export interface AgentFollowerOptions {
  /** Where the agent serves its status: `http://10.0.0.7:9082`. */
  readonly baseUrl: string;
  readonly connections: Agent;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of models that are different now; of all of them when undefined. Must not throw. */
  readonly onChange: (models: Iterable<string> | undefined) => void;
}

/** What one agent says, for as long as it is followed. */
export interface AgentFollower {
  readonly models: ReadonlyMap<string, ReplicaModel>;
  /** Undefined while it is heard of; else since when it is not, and why. */
  readonly silence:
    { readonly since: MonotonicMs; readonly why: string; readonly refused: boolean } | undefined;
  stop(): Promise<void>;
}

const CONNECT_WITHIN = seconds(5);
/** The agent sends a heartbeat every 15 s. */
const HEARD_WITHIN = seconds(40);
const BACKOFF = { base: milliseconds(250), cap: seconds(15) };
/** A stream that lasted so long was a good one. */
const GOOD_AFTER = seconds(10);

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
export function followAgent(options: AgentFollowerOptions): AgentFollower {
  const { clock, random } = options;
  const stopping = new AbortController();
  const memory = newMemory(options);

  async function follow(): Promise<void> {
    let failures = 0;
    for (;;) {
      const startedAt = clock.monotonic();
      const fault = await listen(options, memory.place(), stopping.signal, memory);
      if (stopping.signal.aborted) return;
      failures = clock.monotonic() - startedAt > GOOD_AFTER ? 1 : failures + 1;
      memory.lost(fault);
      await clock.sleep(backoffDelay(failures, BACKOFF, random), stopping.signal);
    }
  }

  const finished = follow();
  return {
    models: memory.models,
    get silence() {
      return memory.silence();
    },
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}

/** Where to go on after a break. */
interface Place {
  readonly instance: string;
  readonly sequence: number;
}

interface Memory extends Listener {
  readonly models: ReadonlyMap<string, ReplicaModel>;
  place(): Place | undefined;
  silence(): AgentFollower['silence'];
  lost(fault: unknown): void;
}

function newMemory({ clock, onChange }: AgentFollowerOptions): Memory {
  const models = new Map<string, ReplicaModel>();
  let place: Place | undefined;
  let silence: AgentFollower['silence'] = { since: clock.monotonic(), why: '', refused: false };

  function changed(name: string, sequence: number): void {
    if (place !== undefined) place = { ...place, sequence };
    onChange([name]);
  }

  return {
    models,
    place: () => place,
    silence: () => silence,
    heard() {
      if (silence === undefined) return;
      silence = undefined;
      onChange(undefined);
    },
    lost(fault) {
      // A faulty stream is begun anew: what was missed is not known.
      if (fault instanceof StreamFaultError) place = undefined;
      const since = silence?.since ?? clock.monotonic();
      silence = { since, why: whyOf(fault), refused: isRefused(fault) };
      onChange(undefined);
    },
    take(line) {
      if (line.kind === 'malformed') throw new StreamFaultError(line.detail);
      if (line.kind === 'snapshot') {
        models.clear();
        for (const [name, model] of line.models) models.set(name, model);
        place = { instance: line.instance, sequence: line.sequence };
        silence = undefined;
        onChange(undefined);
      } else if (line.kind === 'model') {
        models.set(line.name, line.model);
        changed(line.name, line.sequence);
      } else if (line.kind === 'removed') {
        models.delete(line.name);
        changed(line.name, line.sequence);
      }
    },
  };
}

interface Listener {
  readonly heard: () => void;
  readonly take: (line: AgentLine) => void;
}

/** One connection, from opening to its end; resolves with what ended it. Never rejects. */
async function listen(
  { baseUrl, connections, clock }: AgentFollowerOptions,
  place: Place | undefined,
  signal: AbortSignal,
  { heard, take }: Listener,
): Promise<unknown> {
  const connection = new AbortController();
  const abort = (): void => connection.abort();
  signal.addEventListener('abort', abort, { once: true });
  let deadline = startDeadline(clock, CONNECT_WITHIN, connection.signal);
  deadline.signal.addEventListener('abort', abort, { once: true });
  const alive = (): void => {
    deadline.clear();
    deadline = startDeadline(clock, HEARD_WITHIN, connection.signal);
    deadline.signal.addEventListener('abort', abort, { once: true });
  };
  try {
    const query =
      place === undefined ? '' : `?instance=${encodeURIComponent(place.instance)}&since=${place.sequence}`;
    const { statusCode, body } = await request(`${baseUrl}/v1/models/watch${query}`, {
      dispatcher: connections,
      signal: connection.signal,
    });
    if (statusCode !== 200) {
      // Without a listener the abort of what is left of it would end the process.
      body.on('error', () => undefined).destroy();
      return new StreamFaultError(`it answered ${statusCode}`);
    }
    alive();
    // With nothing new to say since then the stream is silent until the next heartbeat.
    if (place !== undefined) heard();
    for await (const lines of readLines(body as AsyncIterable<Uint8Array>, clock, MAX_LINE)) {
      alive();
      for (const line of lines) take(readAgentLine(line));
    }
    return new Error('the connection was closed');
  } catch (thrown) {
    return deadline.expired ? new Error('no answer in time') : thrown;
  } finally {
    deadline.clear();
    signal.removeEventListener('abort', abort);
    connection.abort();
  }
}

function whyOf(fault: unknown): string {
  if (isRefused(fault)) return 'nothing listens there';
  return messageOf(fault).slice(0, 120);
}

function isRefused(fault: unknown): boolean {
  return typeof fault === 'object' && fault !== null && (fault as { code?: unknown }).code === 'ECONNREFUSED';
}
