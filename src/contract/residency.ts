import { isRecord, quoted } from '../lib/json.ts';
import { type Bytes, bytes, parseQuantity, toBytes } from '../lib/quantity.ts';
import { RESIDENCY_ANNOTATIONS } from './names.ts';

/** Which models of an InferenceService stay in the memory of its model server. */
export type Residency =
  /** All of them. */
  | { readonly kind: 'always' }
  /** Those in use, within the budgets; the others sleep. */
  | ({ readonly kind: 'on-demand'; readonly pinned: ReadonlySet<string> } & ResidencyBudgets);

/** The limits of all models together; undefined when not set. */
export interface ResidencyBudgets {
  readonly memoryBudget: Bytes | undefined;
  readonly diskBudget: Bytes | undefined;
}

/** What the annotations of an InferenceService ask for, and the values that were not understood. */
interface RequestedResidency extends ResidencyBudgets {
  readonly kind: Residency['kind'];
  readonly doubts: readonly ResidencyDoubt[];
}

/** An annotation that does not have the effect it suggests. */
interface ResidencyDoubt {
  readonly annotation: string;
  readonly message: string;
}

type Annotations = Readonly<Record<string, string>> | undefined;

/** The values of the annotation {@link RESIDENCY_ANNOTATIONS}.residency. */
const KINDS: ReadonlySet<string> = new Set<Residency['kind']>(['always', 'on-demand']);

/**
 * Reads the annotations of an InferenceService. A value that is not understood counts as not set and is reported as a
 * doubt.
 */
export function readResidency(annotations: Annotations): RequestedResidency {
  const doubts: ResidencyDoubt[] = [];
  const said = annotations?.[RESIDENCY_ANNOTATIONS.residency];
  if (said !== undefined && !KINDS.has(said)) doubts.push(unknownKind(said));
  const kind = said === 'on-demand' ? 'on-demand' : 'always';
  const budget = (annotation: string): Bytes | undefined => {
    const text = annotations?.[annotation];
    if (text === undefined) return undefined;
    const amount = readBudget(text);
    if (amount === undefined) doubts.push({ annotation, message: badBudget(annotation, text) });
    else if (kind === 'always') doubts.push({ annotation, message: idleBudget(annotation) });
    return amount;
  };
  const memoryBudget = budget(RESIDENCY_ANNOTATIONS.memoryBudget);
  const diskBudget = budget(RESIDENCY_ANNOTATIONS.diskBudget);
  return { kind, memoryBudget, diskBudget, doubts };
}

function unknownKind(said: string): ResidencyDoubt {
  const annotation = RESIDENCY_ANNOTATIONS.residency;
  const message = `${annotation} is ${quoted(said)}; it must be "always" or "on-demand". "always" is used`;
  return { annotation, message };
}

function badBudget(annotation: string, text: string): string {
  return `${annotation} is ${quoted(text)}; it must be a quantity of bytes above 0, such as 2Gi. The default is used`;
}

function idleBudget(annotation: string): string {
  return `${annotation} has no effect without ${RESIDENCY_ANNOTATIONS.residency}: on-demand`;
}

/** An amount of bytes that a JSON number represents exactly; undefined for anything else, also for 0. */
export function readBudget(text: string): Bytes | undefined {
  const quantity = parseQuantity(text);
  if (quantity === undefined || quantity.nano <= 0n) return undefined;
  const amount = toBytes(quantity);
  return amount > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : amount;
}

/** Whether the annotations of a TrainedModel pin it in memory. */
export function isPinned(annotations: Annotations): boolean {
  return annotations?.[RESIDENCY_ANNOTATIONS.residency] === 'always';
}

/** A value in a TrainedModel's annotation that has no effect; undefined if there is none. */
export function pinDoubt(annotations: Annotations): string | undefined {
  const said = annotations?.[RESIDENCY_ANNOTATIONS.residency];
  if (said === undefined || said === 'always') return undefined;
  return (
    `${RESIDENCY_ANNOTATIONS.residency} is ${quoted(said)}; on a TrainedModel it must be "always", which keeps the model in ` +
    `memory. Set on-demand on the InferenceService`
  );
}

const MIB = 1024n ** 2n;
/** The model server itself needs at least this much of its memory: see docs/on-demand.md for the measurements. */
const SERVER_ITSELF = 256n * MIB;

/** The default memory budget of models: the model server's memory limit minus what it needs itself. */
export function defaultMemoryBudget(limit: Bytes): Bytes {
  const tenth = limit / 10n;
  const itself = tenth > SERVER_ITSELF ? tenth : SERVER_ITSELF;
  const half = limit / 2n;
  const left = limit - (itself > half ? half : itself);
  return bytes(left > MIB ? left - (left % MIB) : left);
}

/** Writes residency.json: the same residency gives the same bytes. */
export function encodeResidency(residency: Residency & { readonly kind: 'on-demand' }): string {
  const { kind, memoryBudget, diskBudget, pinned } = residency;
  return JSON.stringify({
    residency: kind,
    ...(memoryBudget !== undefined && { memoryBudgetBytes: Number(memoryBudget) }),
    ...(diskBudget !== undefined && { diskBudgetBytes: Number(diskBudget) }),
    ...(pinned.size > 0 && { pinned: [...pinned].sort() }),
  });
}

/** The result of reading residency.json. */
export type ResidencyReading =
  | { readonly kind: 'good'; readonly residency: Residency }
  | { readonly kind: 'bad'; readonly message: string };

/** Reads residency.json, which is untrusted. Never throws; unknown fields are ignored. */
export function decodeResidency(text: string): ResidencyReading {
  const bad = (what: string): ResidencyReading => ({ kind: 'bad', message: `residency.json ${what}` });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return bad('is not JSON');
  }
  if (!isRecord(parsed)) return bad('is not an object');
  if (parsed['residency'] === 'always') return { kind: 'good', residency: { kind: 'always' } };
  if (parsed['residency'] !== 'on-demand')
    return bad('has a residency that is neither "always" nor "on-demand"');
  const budgets = [parsed['memoryBudgetBytes'], parsed['diskBudgetBytes']];
  if (!budgets.every(isAmount)) return bad('has a budget that is not a whole number of bytes above 0');
  const pinned = parsed['pinned'] ?? [];
  if (!Array.isArray(pinned) || !pinned.every((name) => typeof name === 'string'))
    return bad('has a list "pinned" that is not a list of names');
  const [memoryBudget, diskBudget] = budgets.map((amount) =>
    amount === undefined ? undefined : bytes(amount),
  );
  return {
    kind: 'good',
    residency: { kind: 'on-demand', memoryBudget, diskBudget, pinned: new Set(pinned) },
  };
}

function isAmount(value: unknown): value is number | undefined {
  return value === undefined || (Number.isSafeInteger(value) && (value as number) > 0);
}
