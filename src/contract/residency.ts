import { isRecord, quoted } from '../lib/json.ts';
import { type Bytes, bytes, parseQuantity, toBytes } from '../lib/quantity.ts';
import { RESIDENCY_ANNOTATIONS } from './names.ts';

/** Which models of an InferenceService stay in the memory of its model server. */
export type Residency =
  /** All of them. */
  | { readonly kind: 'always' }
  /** Those in use, as far as the budgets hold them; the others sleep. */
  | ({ readonly kind: 'on-demand'; readonly pinned: ReadonlySet<string> } & ResidencyBudgets);

/** What the models may take together; undefined: nothing is said here. */
export interface ResidencyBudgets {
  readonly memoryBudget: Bytes | undefined;
  readonly diskBudget: Bytes | undefined;
}

/** What the annotations of an InferenceService ask for, with what they say that is not understood. */
interface ResidencyWish extends ResidencyBudgets {
  readonly kind: Residency['kind'];
  readonly doubts: readonly ResidencyDoubt[];
}

/** An annotation that does not do what it looks like. */
interface ResidencyDoubt {
  readonly annotation: string;
  readonly message: string;
}

type Annotations = Readonly<Record<string, string>> | undefined;

/** The values of the annotation {@link RESIDENCY_ANNOTATIONS}.residency. */
const KINDS: ReadonlySet<string> = new Set<Residency['kind']>(['always', 'on-demand']);

/** Reads the annotations of an InferenceService; what is not understood counts as not said, and is a doubt. */
export function readResidency(annotations: Annotations): ResidencyWish {
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
  const message = `${annotation} is ${quoted(said)}; it is "always" or "on-demand". "always" holds`;
  return { annotation, message };
}

function badBudget(annotation: string, text: string): string {
  return `${annotation} is ${quoted(text)}; it is a quantity of bytes above 0, such as 2Gi. The default holds`;
}

function idleBudget(annotation: string): string {
  return `${annotation} has no effect without ${RESIDENCY_ANNOTATIONS.residency}: on-demand`;
}

/** Bytes that a JSON number holds exactly; undefined for what is no such amount, and for nothing at all. */
export function readBudget(text: string): Bytes | undefined {
  const quantity = parseQuantity(text);
  if (quantity === undefined || quantity.nano <= 0n) return undefined;
  const amount = toBytes(quantity);
  return amount > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : amount;
}

/** Whether the annotations of a TrainedModel keep it in memory always. */
export function isPinned(annotations: Annotations): boolean {
  return annotations?.[RESIDENCY_ANNOTATIONS.residency] === 'always';
}

/** What the annotation of a TrainedModel says that has no effect; undefined where all is well. */
export function pinDoubt(annotations: Annotations): string | undefined {
  const said = annotations?.[RESIDENCY_ANNOTATIONS.residency];
  if (said === undefined || said === 'always') return undefined;
  return (
    `${RESIDENCY_ANNOTATIONS.residency} is ${quoted(said)}; on a TrainedModel it is "always", which keeps the model in ` +
    `memory. Whether models sleep at all is said on the InferenceService`
  );
}

const MIB = 1024n ** 2n;
/** Of what the model server may use, this much at least is its own: see docs/on-demand.md for what was measured. */
const SERVER_ITSELF = 256n * MIB;

/** What the models may take where nobody says: the model server's memory limit, less what it takes itself. */
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

/** A residency.json that was read. */
export type ResidencyReading =
  | { readonly kind: 'good'; readonly residency: Residency }
  | { readonly kind: 'bad'; readonly message: string };

/** Reads residency.json, which anybody may have written. Never throws; fields that are not known are left alone. */
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
  if (!budgets.every(isAmount)) return bad('has a budget that is no whole number of bytes above 0');
  const pinned = parsed['pinned'] ?? [];
  if (!Array.isArray(pinned) || !pinned.every((name) => typeof name === 'string'))
    return bad('has a list "pinned" that is no list of names');
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
