import type { TrackedModel } from '../engine/tracked-model.ts';

type Model = Readonly<TrackedModel>;

/** One metric that has series for each model. */
interface Family {
  readonly name: string;
  readonly help: string;
  /** The labels after the model's name, as text, and the value. */
  readonly of: (model: Model) => readonly (readonly [labels: string, value: number])[];
}

const FAMILIES: readonly Family[] = [
  {
    ...{ name: 'model_phase', help: 'The phase of each model: always 1' },
    of: ({ phase }) => [[`,phase="${phase.phase}"`, 1]],
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
    of: ({ times }) => Object.entries(times).map(([step, took]) => [`,step="${step}"`, took / 1_000]),
  },
];

/** Of so many models in one piece. */
const MODELS_AT_ONCE = 500;

/**
 * The series of all models in Prometheus's text format, piece by piece. Gauges of the client library would keep some 60,000
 * objects for 10,000 models from one scrape to the next, 25 MiB. The names need no escapes: they are names of directories.
 */
export function* modelSeries(prefix: string, models: () => Iterable<Model>): Generator<string> {
  for (const { name, help, of } of FAMILIES) {
    let piece = `# HELP ${prefix}_${name} ${help}\n# TYPE ${prefix}_${name} gauge\n`;
    let count = 0;
    for (const model of models()) {
      for (const [labels, value] of of(model))
        piece += `${prefix}_${name}{model="${model.name}"${labels}} ${value}\n`;
      count += 1;
      if (count % MODELS_AT_ONCE > 0) continue;
      yield piece;
      piece = '';
    }
    yield `${piece}\n`;
  }
}
