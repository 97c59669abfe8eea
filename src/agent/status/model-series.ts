import type { TrackedModel } from '../engine/tracked-model.ts';

type Model = Readonly<TrackedModel>;

/** One metric that has series for each model. */
interface Family {
  readonly name: string;
  readonly help: string;
  /** The label after that of the model's name; undefined: there is none. */
  readonly label?: string;
  /** Values of that label, and of the series. */
  readonly of: (model: Model) => readonly (readonly [label: string, value: number])[];
}

const FAMILIES: readonly Family[] = [
  {
    ...{ name: 'model_phase', help: 'The phase of each model: always 1' },
    label: 'phase',
    of: ({ phase }) => [[phase.phase, 1]],
  },
  {
    ...{ name: 'model_bytes', help: 'Bytes on disk of each model' },
    of: ({ bytes }) => [['', bytes]],
  },
  {
    ...{ name: 'model_attempts', help: 'Attempts at the desired version of each model' },
    of: ({ attempts }) => [['', attempts]],
  },
  {
    ...{ name: 'model_step_seconds', help: 'How long the last run of each step took for each model' },
    label: 'step',
    of: ({ times }) => Object.entries(times).map(([step, took]) => [step, took / 1_000]),
  },
];

/** The names of these metrics without their prefix, and their labels. */
export const MODEL_SERIES_LABELS: ReadonlyMap<string, readonly string[]> = new Map(
  FAMILIES.map(({ name, label }) => [name, label === undefined ? ['model'] : ['model', label]]),
);

/** The number of models in one piece. */
const MODELS_AT_ONCE = 500;

/**
 * The series of all models in Prometheus's text format, piece by piece. Gauges of the client library would keep some 60,000
 * objects for 10,000 models from one scrape to the next, 25 MiB. The names need no escapes: they are names of directories.
 */
export function* modelSeries(prefix: string, models: () => Iterable<Model>): Generator<string> {
  for (const { name, help, label, of } of FAMILIES) {
    let piece = `# HELP ${prefix}_${name} ${help}\n# TYPE ${prefix}_${name} gauge\n`;
    let count = 0;
    for (const model of models()) {
      for (const [text, value] of of(model)) {
        const more = label === undefined ? '' : `,${label}="${text}"`;
        piece += `${prefix}_${name}{model="${model.name}"${more}} ${value}\n`;
      }
      count += 1;
      if (count % MODELS_AT_ONCE > 0) continue;
      yield piece;
      piece = '';
    }
    yield `${piece}\n`;
  }
}
