import { editDistance } from '../../lib/edit-distance.ts';

/** How many letters may differ for a name to pass for a slip of another. */
const MOST_SLIPS = 2;

/** The one of these names that was most likely meant; undefined when none is near. */
export function nearestName(written: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let fewest = Math.min(MOST_SLIPS, Math.floor(written.length / 2)) + 1;
  for (const name of known) {
    if (spelling(name) === spelling(written)) return name;
    const slips = editDistance(written, name, fewest);
    if (slips < fewest) {
      fewest = slips;
      nearest = name;
    }
  }
  return nearest;
}

/** A name without what people mix up: case, hyphens and underscores. `storage_URI` and `storageUri` are spelt alike. */
export function spelling(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}
