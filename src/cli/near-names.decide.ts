import { compareText } from '../lib/compare-text.ts';
import { editDistance } from '../lib/edit-distance.ts';

const NAMES_SHOWN = 3;

/** The names that a user who wrote `wanted` may have meant, the nearest first. */
export function nearNames(wanted: string, names: Iterable<string>): string[] {
  // Two letters that changed places are two changes; of a long name a third may be wrong. Anything more is another name.
  const most = wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, distance: name.includes(wanted) ? 1 : editDistance(wanted, name) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || compareText(a.name, b.name))
    .slice(0, NAMES_SHOWN)
    .map(({ name }) => name);
}
