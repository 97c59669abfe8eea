import { AGENT_STATUS_VERSION } from '../../contract/agent-status.ts';
import type { ModelPhase } from '../../contract/agent-status.ts';
import { shortened } from '../../contract/cause-text.ts';
import { isRecord } from '../../lib/json.ts';
import type { ReplicaModel } from '../../contract/model-loaded.ts';
import { LONGEST_AGENT_MESSAGE } from '../../contract/server-answer.ts';

/** One line of an agent's stream, as far as it is needed. */
export type AgentLine =
  | {
      readonly kind: 'snapshot';
      readonly instance: string;
      readonly sequence: number;
      /** Its models are delivered separately, see {@link readAgentModel}. */
    }
  | { readonly kind: 'model'; readonly sequence: number; readonly name: string; readonly model: ReplicaModel }
  | { readonly kind: 'removed'; readonly sequence: number; readonly name: string }
  /** A heartbeat, news of the agent itself, or an unknown type. */
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** Far more than one ConfigMap can hold. */
export const MAX_MODELS = 20_000;
const MAX_NAME = 253;
const PHASES: ReadonlySet<unknown> = new Set<ModelPhase['phase']>([
  'Queued',
  'Downloading',
  'Loading',
  'Loaded',
  'Standby',
  'Remote',
  'Failed',
  'Unloading',
]);

/**
 * Reads one line, a snapshot's without its models. The input is untrusted. Never throws; anything outside
 * docs/agent-status.md is malformed.
 */
export function readAgentLine(line: string): AgentLine {
  const event = parsed(line);
  if (event === undefined) return malformed('a line is not a JSON object');
  switch (event['type']) {
    case 'SNAPSHOT':
      return readSnapshot(event['status']);
    case 'MODEL': {
      const entry = readModel(event['model']);
      if (entry === undefined) return malformed('a model is not as documented');
      return { kind: 'model', sequence: sequenceOf(event), name: entry[0], model: entry[1] };
    }
    case 'REMOVED': {
      const name = event['name'];
      if (typeof name !== 'string') return malformed('a removal without a name');
      return { kind: 'removed', sequence: sequenceOf(event), name };
    }
    default:
      return { kind: 'other' };
  }
}

function readSnapshot(status: unknown): AgentLine {
  if (!isRecord(status) || !Array.isArray(status['models'])) return malformed('a snapshot without models');
  if (status['version'] !== AGENT_STATUS_VERSION) return malformed('the status has an unknown version');
  const instance = status['instance'];
  if (typeof instance !== 'string' || instance.length > MAX_NAME)
    return malformed('a snapshot without an instance');
  if (status['models'].length > 0) return malformed('a model is not as documented');
  return { kind: 'snapshot', instance, sequence: sequenceOf(status) };
}

/** Reads one model of a snapshot; undefined when malformed. Never throws. */
export function readAgentModel(text: string): [string, ReplicaModel] | undefined {
  return readModel(parsed(text));
}

function readModel(raw: unknown): [string, ReplicaModel] | undefined {
  if (!isRecord(raw)) return undefined;
  const { name, phase, specHash, reason, message } = raw;
  if (typeof name !== 'string' || name === '' || name.length > MAX_NAME || !PHASES.has(phase))
    return undefined;
  if (specHash !== null && (typeof specHash !== 'string' || !/^[0-9a-f]{64}$/.test(specHash)))
    return undefined;
  const model: ReplicaModel = {
    phase: phase as ModelPhase['phase'],
    specHash,
    reason: typeof reason === 'string' && /^[A-Za-z]\w{0,63}$/.test(reason) ? reason : '',
    message: typeof message === 'string' ? printable(message) : '',
  };
  return [name, model];
}

function sequenceOf(event: Record<string, unknown>): number {
  const sequence = event['sequence'];
  return typeof sequence === 'number' && Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : 0;
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Both ends of a long text are enough to recognize one's own. */
function printable(text: string): string {
  const clean = shortened(text, 4 * LONGEST_AGENT_MESSAGE)
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .trim();
  return shortened(clean, LONGEST_AGENT_MESSAGE).toWellFormed();
}

function malformed(detail: string): AgentLine {
  return { kind: 'malformed', detail };
}
