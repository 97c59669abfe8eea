import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Registry } from 'prom-client';
import { parse, stringify } from 'yaml';
import { createBatcherMetrics } from '../../src/agent/batcher/metrics.ts';
import { createLoggerMetrics, type EventOutcome } from '../../src/agent/logger/metrics.ts';
import { addResidencyMetrics } from '../../src/agent/residency/metrics.ts';
import type { ResidencyFigures } from '../../src/agent/residency/residency.ts';
import { createAgentMetrics } from '../../src/agent/status/metrics.ts';
import type { ControlPlane } from '../../src/development/controlplane/control-plane.ts';
import { AGENT_PORT, AGENT_PORT_NAME } from '../../src/contract/names.ts';
import { createManagerMetrics } from '../../src/manager/metrics.ts';
import type { WorkQueueEvent } from '../../src/controllers/work-queue.ts';
import type { ReflectorEvent } from '../../src/kube/reflector-types.ts';
import type { ModelPhase } from '../../src/contract/agent-status.ts';
import type { AdmissionOutcome } from '../../src/admission/review-endpoint.ts';
import { testControlPlane } from '../support/control-plane.ts';
import { installDefinitionsOf } from '../support/foreign-definitions.ts';
import { kubectl } from '../support/kubectl.ts';
import { pasteWithKubectl, shellOf } from '../support/page.ts';
import { promtool } from '../support/promtool.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OVERLAY = join(ROOT, 'manifests/overlays/monitoring');
/** The labels that a scrape adds to every series. */
const TARGET_LABELS = ['job', 'pod', 'namespace', 'inferenceservice', 'le'];

interface Rule {
  readonly alert: string;
  readonly expr: string;
}
interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

describe('the overlay for Prometheus and Grafana', () => {
  let controlPlane: ControlPlane;
  let directory = '';
  let groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] = [];
  let panels: readonly Panel[] = [];

  beforeAll(async () => {
    // Building it with Go took twelve minutes on two processors.
    await promtool('--version');
  }, 30 * 60_000);

  beforeAll(async () => {
    controlPlane = await testControlPlane();
    const { kubeconfigPath } = controlPlane;
    directory = await mkdtemp(join(tmpdir(), 'kserve-mms-rules-'));
    await kubectl(kubeconfigPath, 'apply', '-k', join(ROOT, 'manifests/manager'));
    await installDefinitionsOf('prometheus-operator', kubeconfigPath);
    await pasteWithKubectl(kubeconfigPath, await shellOf('docs/alerts.md', 'Alerts and dashboard'));
    const rule = await kubectl(kubeconfigPath, ...inNamespace, 'prometheusrule', 'kserve-mms', '-o', 'json');
    ({ groups } = (JSON.parse(rule) as { spec: { groups: typeof groups } }).spec);
    const configMap = await kubectl(
      kubeconfigPath,
      ...[...inNamespace, 'configmaps', '-l', 'grafana_dashboard=1', '-o', 'json'],
    );
    const { items } = JSON.parse(configMap) as { items: { data: Record<string, string> }[] };
    ({ panels } = JSON.parse(items[0]!.data['kserve-mms.json']!) as { panels: Panel[] });
  });

  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
    await controlPlane.stop();
  });

  const inNamespace = ['-n', 'kserve-mms-system', 'get'];
  const alerts = (): readonly Rule[] => groups.flatMap(({ rules }) => rules);
  const dashboardExpressions = (): string[] =>
    panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const allExpressions = (): string[] => [...alerts().map(({ expr }) => expr), ...dashboardExpressions()];
  const ruleFile = async (name: string, content: object): Promise<string> => {
    const file = join(directory, name);
    await writeFile(file, stringify(content));
    return file;
  };

  it("is accepted by the API server with the operator's CustomResourceDefinitions", async () => {
    const names = await kubectl(
      controlPlane.kubeconfigPath,
      ...[...inNamespace, 'podmonitors,prometheusrules,configmaps', '-o', 'name'],
      ...['-l', 'app.kubernetes.io/part-of=kserve-mms'],
    );
    expect(names.trim().split('\n').sort()).toEqual([
      'configmap/kserve-mms-dashboard',
      'podmonitor.monitoring.coreos.com/kserve-mms-agents',
      'podmonitor.monitoring.coreos.com/kserve-mms-manager',
      'prometheusrule.monitoring.coreos.com/kserve-mms',
    ]);
  });

  it('scrapes ports that the manager and the injected agent have', async () => {
    const deployment = await readFile(join(ROOT, 'manifests/manager/deployment.yaml'), 'utf8');
    expect(deployment).toContain('- name: metrics\n');
    const monitors = await readFile(join(OVERLAY, 'pod-monitors.yaml'), 'utf8');
    expect(monitors).toContain(`- port: ${AGENT_PORT_NAME}\n`);
    expect(monitors).toContain(`regex: (.+):${AGENT_PORT}\n`);
  });

  it('has alerts that Prometheus accepts', async () => {
    const file = await ruleFile('rules.yaml', { groups });
    expect(await promtool('check', 'rules', '--lint=all', '--lint-fatal', file)).toContain('SUCCESS');
  });

  it('has alerts that fire when they should, and only then', async () => {
    await ruleFile('rules.yaml', { groups });
    await copyFile(new URL('alerts.yaml', import.meta.url), join(directory, 'alerts.yaml'));
    expect(await promtool('test', 'rules', join(directory, 'alerts.yaml'))).toContain('SUCCESS');
  });

  it('has every alert tested both ways and documented', async () => {
    const { tests } = parse(await readFile(new URL('alerts.yaml', import.meta.url), 'utf8')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[];
    };
    const tested = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    const names = alerts().map(({ alert }) => alert);
    const page = await readFile(join(ROOT, 'docs/alerts.md'), 'utf8');
    for (const alert of names) {
      const expected = tested.filter(({ alertname }) => alertname === alert);
      expect([alert, expected.some(({ exp_alerts }) => exp_alerts?.length)]).toEqual([alert, true]);
      expect([alert, expected.some(({ exp_alerts }) => !exp_alerts)]).toEqual([alert, true]);
      expect(page).toContain(`| \`${alert}\` |`);
    }
    expect(names.length).toBeGreaterThan(0);
  });

  it('has a dashboard whose queries Prometheus can parse', async () => {
    const rules = dashboardExpressions().map((expr, index) => ({
      record: `dashboard:panel:${index}`,
      // The values that Grafana substitutes.
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(namespace|inferenceservice)/g, '.*'),
    }));
    expect(rules.length).toBeGreaterThan(20);
    const file = await ruleFile('dashboard.yaml', { groups: [{ name: 'dashboard', rules }] });
    expect(await promtool('check', 'rules', file)).toContain(`${rules.length} rules found`);
  });

  it('uses only metrics and labels that the manager or the agent exports', async () => {
    const labels = await knownMetrics();
    for (const expr of allExpressions()) {
      const metrics = [...expr.matchAll(/\b(?:mms|kserve_mms|process|nodejs)_\w+/g)].map(([name]) =>
        labels.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, ''),
      );
      expect(metrics.filter((name) => !labels.has(name))).toEqual([]);
      const allowed = new Set([...TARGET_LABELS, ...metrics.flatMap((name) => labels.get(name) ?? [])]);
      const matched = [...expr.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label!);
      const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(', '));
      expect([expr, [...matched, ...grouped].filter((label) => !allowed.has(label))]).toEqual([expr, []]);
    }
  });

  it('uses only label values that the code sets', () => {
    const calls = ['errored', 'malformed', 'aborted'] satisfies AdmissionOutcome[];
    const logged = ['dropped'] satisfies EventOutcome[];
    const results = ['done'] satisfies Extract<WorkQueueEvent<string>, { type: 'finished' }>['outcome'][];
    const events = ['retry'] satisfies ReflectorEvent['type'][];
    type Phase = ModelPhase['phase'];
    const phases = ['Failed', 'Queued', 'Downloading', 'Loading', 'Unloading'] satisfies Phase[];
    const known = new Map<string, readonly string[]>([
      ['outcome', [...calls, ...logged]],
      ['result', results],
      ['event', events],
      ['phase', phases],
      ['state', ['Placed']],
    ]);
    for (const { expr } of alerts()) {
      for (const [, label, values] of expr.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)) {
        const allowed = known.get(label!) ?? values!.split('|');
        expect([label, values!.split('|').filter((value) => !allowed.includes(value))]).toEqual([label, []]);
      }
    }
  });
});

const RESIDENCY: ResidencyFigures = {
  counts: { hits: 0, misses: 0, loads: 0, evictions: 0, diskEvictions: 0, spared: new Map() },
  memory: { budget: 1, charged: 0, peak: 0, measured: 0, allowed: 1 },
  ...{ diskUsed: 0, waiting: 0, loaded: 0 },
};

function labelsOf(registry: Registry): ReadonlyMap<string, readonly string[]> {
  const metrics = registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly labelNames: readonly string[];
  }[];
  return new Map(metrics.map(({ name, labelNames }) => [name, labelNames]));
}

/** The labels of each metric, from the registries behind /metrics. */
async function knownMetrics(): Promise<Map<string, readonly string[]>> {
  const known = new Map(labelsOf(createManagerMetrics().registry));
  // The page of the agent's metrics lists their labels. Metrics that only some agents have are documented elsewhere.
  const agent = createAgentMetrics(
    () => [],
    () => false,
  );
  addResidencyMetrics(
    agent.registry,
    () => RESIDENCY,
    () => 'declared',
  );
  createLoggerMetrics(agent.registry, () => ({ events: 0, bytes: 0 }));
  createBatcherMetrics(agent.registry);
  const scraped = await agent.text();
  const own = labelsOf(agent.registry);
  const page = await readFile(join(ROOT, 'docs/agent-status.md'), 'utf8');
  for (const [, name] of scraped.matchAll(/^# TYPE (\w+) /gm)) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
    const listed = [...(row?.split('|')[3] ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label!);
    known.set(name!, row === undefined ? (own.get(name!) ?? []) : listed);
  }
  return known;
}
