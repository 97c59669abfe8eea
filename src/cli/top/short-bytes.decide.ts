import { formatBytes } from '../../lib/quantity.ts';
import type { Bytes } from '../../lib/quantity.ts';

const UNITS = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const STEP = 1024;
const BAR_WIDTH = 10;

/** Bytes as a person reads them in a column: three figures at most before the unit, rounded: `1.5Gi`, `1Gi`, `954Mi`. */
export function shortBytes(amount: Bytes): string {
  let value = Number(amount);
  if (value < STEP) return formatBytes(amount);
  let unit = -1;
  // What would be rounded up to 1024 goes into the next unit.
  while (value >= STEP - 0.5 && unit < UNITS.length - 1) {
    value /= STEP;
    unit += 1;
  }
  const rounded = value < 10 ? Math.round(value * 10) / 10 : Math.round(value);
  return `${rounded}${UNITS[unit] ?? ''}`;
}

/** `[####......] 400Mi/1Gi`, or the amount alone where there is no limit. The bar is full only when nothing is left. */
export function memoryBar(used: Bytes, limit: Bytes | undefined): string {
  if (limit === undefined) return `${shortBytes(used)} (no limit)`;
  const share = limit === 0n ? 1 : Number(used) / Number(limit);
  const filled = Math.min(BAR_WIDTH, Math.max(used > 0n ? 1 : 0, Math.floor(share * BAR_WIDTH)));
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${shortBytes(used)}/${shortBytes(limit)}`;
}
