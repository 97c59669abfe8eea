import { compareText } from '../lib/compare-text.ts';
import { isRecord } from '../lib/json.ts';
import { isModestJson } from '../lib/json-meter.ts';
import { formatQuantity, parseQuantity } from '../lib/quantity.ts';

/** One model in models.json; the shape and field order are KServe's `modelconfig.ModelConfig`. */
export interface ModelSpec {
  readonly storageUri: string;
  readonly framework: string;
  /** A quantity. */
  readonly memory: string;
}

export interface ModelConfigEntry {
  readonly modelName: string;
  readonly modelSpec: ModelSpec;
}

/** A fault in a models.json, with its place. */
export interface ModelConfigFault {
  /** For example `[3].modelSpec.storageUri`; empty for the text as a whole. */
  readonly path: string;
  readonly message: string;
}

interface DecodedModelConfig {
  /** The valid entries, in the order of the text, without duplicates. */
  readonly models: readonly ModelConfigEntry[];
  readonly faults: readonly ModelConfigFault[];
}

/** The text of a ConfigMap without models. */
export const EMPTY_MODEL_CONFIG = '[]';

/** A ConfigMap's 1 MiB has room for 14,000 entries, and people may write extra fields. */
const MOST = { values: 100_000, depth: 32 };
/** Faults after the first hundred are not collected: the text is rewritten in any case. */
const MOST_FAULTS = 100;

/**
 * Reads models.json. Unknown fields and any order are accepted; any other deviation from KServe's format is a fault
 * with its place. Never throws.
 */
export function decodeModelConfig(text: string): DecodedModelConfig {
  if (!isModestJson(text, MOST)) {
    const message = `has more than ${MOST.values} values, or is nested deeper than ${MOST.depth}: it is not a list of models`;
    return { models: [], faults: [{ path: '', message }] };
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    const why =
      text.trim() === '' ? 'is empty' : `is not JSON: ${thrown instanceof Error ? thrown.message : ''}`;
    return { models: [], faults: [{ path: '', message: `${why}; an empty set of models is []` }] };
  }
  if (!Array.isArray(parsed)) return { models: [], faults: [{ path: '', message: 'is not a JSON array' }] };
  const models = new Map<string, ModelConfigEntry>();
  const faults: ModelConfigFault[] = [];
  for (const [index, element] of (parsed as unknown[]).entries()) {
    const read = readEntry(element, `[${index}]`);
    if ('message' in read) faults.push(read);
    else if (models.has(read.modelName)) {
      faults.push({ path: `[${index}].modelName`, message: `${read.modelName} is listed twice` });
    } else models.set(read.modelName, read);
    if (faults.length >= MOST_FAULTS) break;
  }
  return { models: [...models.values()], faults };
}

function readEntry(element: unknown, path: string): ModelConfigEntry | ModelConfigFault {
  if (!isRecord(element)) return { path, message: 'is not an object' };
  const { modelName, modelSpec } = element;
  if (typeof modelName !== 'string' || modelName === '') return notText(`${path}.modelName`);
  if (!isRecord(modelSpec)) return { path: `${path}.modelSpec`, message: 'is not an object' };
  const { storageUri, framework, memory } = modelSpec;
  if (typeof storageUri !== 'string' || storageUri === '') return notText(`${path}.modelSpec.storageUri`);
  if (typeof framework !== 'string') return notText(`${path}.modelSpec.framework`);
  if ((typeof memory !== 'string' && typeof memory !== 'number') || parseQuantity(memory) === undefined) {
    return { path: `${path}.modelSpec.memory`, message: 'is not a quantity such as 256Mi' };
  }
  return { modelName, modelSpec: { storageUri, framework, memory: String(memory) } };
}

function notText(path: string): ModelConfigFault {
  return { path, message: 'is missing or not a string' };
}

/**
 * Writes models.json sorted by name, with canonical quantities, so that the same models always give the same bytes.
 * (KServe writes them in the random order of a Go map.)
 */
export function encodeModelConfig(entries: readonly ModelConfigEntry[]): string {
  return JSON.stringify(sortByName(entries).map(canonicalEntry));
}

/** The bytes that one entry adds to the text, with its comma. */
export function encodedSize(entry: ModelConfigEntry): number {
  return byteLength(JSON.stringify(canonicalEntry(entry))) + 1;
}

function sortByName(entries: readonly ModelConfigEntry[]): ModelConfigEntry[] {
  return [...entries].sort((a, b) => compareText(a.modelName, b.modelName));
}

function canonicalEntry({ modelName, modelSpec }: ModelConfigEntry): ModelConfigEntry {
  const { storageUri, framework } = modelSpec;
  return { modelName, modelSpec: { storageUri, framework, memory: canonicalMemory(modelSpec.memory) } };
}

function canonicalMemory(memory: string): string {
  const quantity = parseQuantity(memory);
  return quantity === undefined ? memory : formatQuantity(quantity);
}

/** The UTF-8 length of a text. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * Whether a models.json lists exactly these models. Order, spacing and the spelling of quantities do not count, so that
 * another controller's equal text is never overwritten. A faulty text equals nothing.
 */
export function meansSameModels(text: string, entries: readonly ModelConfigEntry[]): boolean {
  const decoded = decodeModelConfig(text);
  if (decoded.faults.length > 0 || decoded.models.length !== entries.length) return false;
  const stored = new Map(decoded.models.map((entry) => [entry.modelName, entry.modelSpec]));
  return entries.every(({ modelName, modelSpec }) => {
    const other = stored.get(modelName);
    return other !== undefined && meansSameSpec(other, modelSpec);
  });
}

/** Whether two specs ask for the same model; `1Gi` and `1024Mi` are the same memory. */
export function meansSameSpec(a: ModelSpec, b: ModelSpec): boolean {
  return a.storageUri === b.storageUri && a.framework === b.framework && sameMemory(a.memory, b.memory);
}

function sameMemory(a: string, b: string): boolean {
  if (a === b) return true;
  const nano = parseQuantity(a)?.nano;
  // Two texts that are not quantities are never equal.
  return nano !== undefined && nano === parseQuantity(b)?.nano;
}
