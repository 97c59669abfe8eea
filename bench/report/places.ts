import type { Hardware, PartName, PartRun, Results } from './results.ts';

/** The parts that were run on the same hardware. */
export interface Place {
  readonly hardware: Hardware;
  readonly parts: readonly PartName[];
}

/** Where a part was run. */
export function hardwareOf({ machine }: Results, { on = machine }: Pick<PartRun, 'on'>): Hardware {
  const { cpu, cores, memoryGib, kernel } = on;
  return { cpu, cores, memoryGib, kernel };
}

/** The place of most parts comes first. */
export function placesOf(results: Results): Place[] {
  const places = new Map<string, { hardware: Hardware; parts: PartName[] }>();
  for (const run of results.runs) {
    const hardware = hardwareOf(results, run);
    const key = JSON.stringify(hardware);
    const place = places.get(key) ?? { hardware, parts: [] };
    place.parts.push(run.part);
    places.set(key, place);
  }
  return [...places.values()].sort((a, b) => b.parts.length - a.parts.length);
}
