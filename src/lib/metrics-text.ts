/** One line of a Prometheus text exposition. */
export interface MetricSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** A name, optional labels in braces, and a value. A timestamp after it is ignored. */
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
/** Far more than the models of one ConfigMap have with all their buckets. */
const MAX_SAMPLES = 2_000_000;

/**
 * Parses the samples whose names have this prefix. Lines that do not follow the format are skipped.
 * Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function readMetrics(text: string, prefix: string): MetricSample[] {
  const samples: MetricSample[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith(prefix) || samples.length >= MAX_SAMPLES) continue;
    const [, name, labels = '', written = ''] = SAMPLE.exec(line) ?? [];
    const value = Number(written);
    if (name === undefined || Number.isNaN(value)) continue;
    samples.push({ name, labels: readLabels(labels), value });
  }
  return samples;
}

function readLabels(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(LABEL)].map(([, name = '', value = '']): [string, string] => [
    name,
    value.replace(/\\(.)/g, (_escape, letter: string) => (letter === 'n' ? '\n' : letter)),
  ]);
  return new Map(pairs);
}
