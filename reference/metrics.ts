import ts from 'typescript';
import { createAgentMetrics } from '../src/agent/status/metrics.ts';
import { createManagerMetrics } from '../src/manager/metrics.ts';
import { code, markdownTable, page } from './markdown.ts';
import { type Sources, walk } from './sources.ts';

const AGENT = 'src/agent/status/metrics.ts';

/** Every metric of manager and agent, as their registries have them; what Node itself tells is left out. */
export async function metricsPage(sources: Sources): Promise<string> {
  const agent = createAgentMetrics(
    () => [],
    () => true,
  );
  return page(
    'Metrics',
    'The manager serves them at `--metrics-port`, the agent at `--status-port`, both at `/metrics`. What to be woken up for is in [alerts](../alerts.md).',
    '## Of the manager',
    rowsOf(await createManagerMetrics().registry.metrics(), /^mms_/, managerLabels()),
    '## Of the agent',
    rowsOf(await agent.text(), /^kserve_mms_/, agentLabels(sources)),
  );
}

function managerLabels(): ReadonlyMap<string, readonly string[]> {
  const metrics = createManagerMetrics().registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly labelNames: readonly string[];
  }[];
  return new Map(metrics.map(({ name, labelNames }) => [name, labelNames]));
}

/** The agent's registry is its own affair; the labels are read where its metrics are made. By the end of their names. */
function agentLabels({ files, pathOf }: Sources): ReadonlyMap<string, readonly string[]> {
  const labels = new Map<string, readonly string[]>();
  const file = files.find((one) => pathOf(one) === AGENT);
  if (file === undefined) throw new Error(`there is no ${AGENT}`);
  walk(file, (node) => {
    // `gauge('model_bytes', help, labels, read)`, and what is handed to prom-client's own constructors.
    if (ts.isCallExpression(node) && node.expression.getText() === 'gauge') {
      const [name, , names] = node.arguments;
      if (name !== undefined && ts.isStringLiteral(name)) labels.set(`_${name.text}`, textsIn(names));
    }
    if (!ts.isObjectLiteralExpression(node)) return;
    const property = (name: string): ts.Node | undefined =>
      node.properties.find((one) => one.name?.getText() === name);
    const [, end] = /\}(_\w+)`$/.exec(property('name')?.getText() ?? '') ?? [];
    if (end !== undefined && !labels.has(end)) labels.set(end, textsIn(property('labelNames')));
  });
  return labels;
}

function textsIn(node: ts.Node | undefined): string[] {
  return [...(node?.getText() ?? '').matchAll(/'(\w+)'/g)].map(([, one = '']) => one);
}

/** By the notation of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function rowsOf(text: string, wanted: RegExp, labels: ReadonlyMap<string, readonly string[]>): string {
  const kinds = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', kind = '']) => [name, kind]),
  );
  const helps = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(
    ([, name = '', help = '']) => [name, help] as const,
  );
  const rows = helps
    .filter(([name]) => wanted.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, help]) => {
      const its = labels.get(name) ?? labels.get(name.replace('kserve_mms_agent', '')) ?? [];
      const shown = its.filter((label) => label !== 'le').map(code);
      return [code(name), kinds.get(name) ?? '', shown.join(', '), help];
    });
  return markdownTable(['metric', 'kind', 'labels', 'meaning'], rows);
}
