/** One line of a Prometheus text exposition. */
export interface MetricSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** A name, labels in braces or none, and a value; a time behind it is left unread. */
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?[ \t]+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
/** Far more than the models of one ConfigMap have with all their buckets. */
const MAX_SAMPLES = 2_000_000;

/**
 * Reads the samples whose names begin so; whatever is not as the format says is left out.
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
