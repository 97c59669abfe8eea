import { request } from 'undici';
import type { Agent } from 'undici';
import { shortened } from '../../contract/cause-text.ts';
import { milliseconds, seconds } from '../../lib/clock.ts';
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { ReplicaModel } from '../../contract/model-loaded.ts';
import { startDeadline } from '../../lib/deadline.ts';
import type { AgentFollower } from './agent-follower.ts';

interface ReadinessPollerOptions {
  /** Where the agent proxies requests to the model server: `http://10.0.0.7:9081`. */
  readonly baseUrl: string;
  readonly connections: Agent;
  readonly clock: Clock;
  /** The models that should be loaded. */
  readonly names: () => Iterable<string>;
  /** Called with models that have changed; undefined means all of them. Must not throw. */
  readonly onChange: (models: Iterable<string> | undefined) => void;
}

const EVERY = seconds(5);
const ANSWER_WITHIN = seconds(3);
/** Concurrent requests to one model server. */
const AT_ONCE = 4;
/** How much of a response is read, so that its connection can be reused. Only the status counts. */
const LARGEST_ANSWER = 16 * 1024;
/** KServe's own agent never becomes ready with more than a hundred models, so this many are checked in a round. */
const MODELS_A_ROUND = 1_000;

/**
 * Polls a model server for the readiness of each model, for agents without a status endpoint: KServe's own. It only
 * shows whether a model answers, in any version. Source: the V2 protocol, GET /v2/models/NAME/ready.
 */
export function pollReadiness(options: ReadinessPollerOptions): AgentFollower {
  const { clock, onChange } = options;
  const stopping = new AbortController();
  let models: ReadonlyMap<string, ReplicaModel> = new Map();
  let silence: AgentFollower['silence'] = { since: clock.monotonic(), why: '', refused: false };

  async function poll(): Promise<void> {
    for (;;) {
      const { found, fault } = await round(options, stopping.signal);
      if (stopping.signal.aborted) return;
      const changed = [...found].filter(([name, { phase }]) => models.get(name)?.phase !== phase);
      const was = silence;
      if (fault === undefined) {
        models = found;
        silence = undefined;
      } else {
        silence = { since: was?.since ?? clock.monotonic(), why: fault, refused: false };
      }
      if ((was === undefined) !== (silence === undefined)) onChange(undefined);
      else if (fault === undefined && changed.length > 0) onChange(changed.map(([name]) => name));
      await clock.sleep(EVERY, stopping.signal);
    }
  }

  const finished = poll();
  return {
    get models() {
      return models;
    },
    get silence() {
      return silence;
    },
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}

interface Round {
  readonly found: ReadonlyMap<string, ReplicaModel>;
  /** Why the server could not be asked; the result is then incomplete. */
  readonly fault: string | undefined;
}

async function round(options: ReadinessPollerOptions, signal: AbortSignal): Promise<Round> {
  const names = [...options.names()].slice(0, MODELS_A_ROUND);
  const found = new Map<string, ReplicaModel>();
  let fault: string | undefined;
  let next = 0;
  async function ask(): Promise<void> {
    while (fault === undefined && !signal.aborted) {
      const name = names[next++];
      if (name === undefined) return;
      try {
        const phase = (await isReady(options, name, signal)) ? 'Loaded' : 'Loading';
        found.set(name, { phase, specHash: undefined, reason: '', message: '' });
      } catch (thrown) {
        fault = shortened(messageOf(thrown), 120);
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return { found, fault };
}

async function isReady(
  { baseUrl, connections, clock }: ReadinessPollerOptions,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = startDeadline(clock, milliseconds(ANSWER_WITHIN), signal);
  try {
    const { statusCode, body } = await request(`${baseUrl}/v2/models/${encodeURIComponent(name)}/ready`, {
      dispatcher: connections,
      signal: deadline.signal,
    });
    await body.dump({ limit: LARGEST_ANSWER, signal: deadline.signal });
    return statusCode === 200;
  } finally {
    deadline.clear();
  }
}
