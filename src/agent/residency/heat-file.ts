import { join } from 'node:path';
import { isRecord } from '../../lib/json.ts';
import { readPlainFile, replaceFile } from '../files/own-files.ts';
import type { RememberedHeat } from './residency.ts';

/** A file, so that no model server takes it for a model. */
const HEAT_FILE = '.kserve-mms-heat.json';
/** The number of hottest models that are kept: memory seldom holds more, and they make some 50 KiB. */
const MOST_KEPT = 1_000;
const LONGEST_BYTES = 1024 * 1024;

/** What an earlier agent wrote. Empty if there is no such file, or it is invalid. */
export async function readHeat(modelDir: string): Promise<RememberedHeat> {
  const parsed = parsedOf((await readPlainFile(join(modelDir, HEAT_FILE), LONGEST_BYTES)) ?? '');
  const heat = new Map<string, number>();
  if (!isRecord(parsed)) return { heat, base: undefined };
  const { models, base } = parsed;
  for (const pair of Array.isArray(models) ? (models as unknown[]) : []) {
    const [name, value] = Array.isArray(pair) ? (pair as unknown[]) : [];
    if (typeof name === 'string' && isPositive(value)) heat.set(name, value);
  }
  return { heat, base: isPositive(base) ? base : undefined };
}

function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** Writes it atomically, the hottest first. */
export function writeHeat(modelDir: string, { heat, base }: RememberedHeat): Promise<void> {
  const models = [...heat].slice(0, MOST_KEPT).map(([name, value]) => [name, Number(value.toFixed(3))]);
  return replaceFile(
    join(modelDir, HEAT_FILE),
    JSON.stringify({ models, ...(base !== undefined && { base }) }),
  );
}
