import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { namesText, statusTables, tablesText } from '../../../../src/cli/status/status-tables.ts';
import type { StatusView } from '../../../../src/cli/status/status-tables.ts';
import { screenFor } from '../../../../src/cli/status/status-screen.ts';
import type { EpochMs } from '../../../../src/lib/clock.ts';
import { clusterOverview } from '../../../../src/cli/status/cluster-overview.decide.ts';
import { expectGolden } from '../../../support/golden-text.ts';
import { servingObjects } from '../../contract/serving-objects.ts';

const NOW = Date.parse('2026-01-01T03:20:00Z') as EpochMs;
const overview = clusterOverview(servingObjects());
const view: StatusView = {
  ...{ wide: false, models: true, namespaces: false, now: NOW },
  paint: (_colour, text) => text,
};

describe('the tables of a status', () => {
  it.each<[string, Partial<StatusView>]>([
    ['services', { models: false }],
    ['models', {}],
    ['wide', { wide: true, namespaces: true }],
    ['coloured', { paint: (colour, text) => `<${colour}>${text}</>` }],
  ])('%s', (name, more) => {
    expectGolden(`status/${name}.txt`, tablesText(statusTables(overview, { ...view, ...more })));
  });
});

describe('with on-demand residency', () => {
  const objects = servingObjects();
  const asleep = { type: 'ModelLoaded', status: 'True', reason: 'Standby', message: '' };
  const sleepy = clusterOverview({
    ...objects,
    inferenceServices: objects.inferenceServices.map((service) =>
      service.metadata.name === 'flowers'
        ? {
            ...service,
            metadata: { ...service.metadata, annotations: { 'kserve-mms/residency': 'on-demand' } },
          }
        : service,
    ),
    trainedModels: objects.trainedModels.map((model) =>
      model.metadata.name === 'rose' ? { ...model, status: { conditions: [asleep] } } : model,
    ),
  });

  it('shows how many models of an InferenceService sleep, and nothing for others', () => {
    const rows = tablesText(statusTables(sleepy, { ...view, models: false }))
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/));
    const column = rows[0]?.indexOf('STANDBY') ?? -1;
    expect(column).toBeGreaterThan(0);
    const shown = new Map(rows.slice(1).map((row) => [row[0], row[column]]));
    expect([shown.get('flowers'), shown.get('single')]).toEqual(['1', '-']);
  });

  it('has the count in the document, and omits the field for others', () => {
    const counts = new Map(sleepy.inferenceServices.map(({ name, models }) => [name, models]));
    expect(counts.get('flowers')).toMatchObject({ standby: 1 });
    expect(counts.get('single')).not.toHaveProperty('standby');
  });
});

describe('output for programs', () => {
  it('has names in the format of kubectl, without missing objects', () => {
    expect(namesText(overview, false)).toBe(
      'inferenceservice.serving.kserve.io/flowers\ninferenceservice.serving.kserve.io/single\n',
    );
    expect(namesText(overview, true)).toContain('\ntrainedmodel.serving.kserve.io/rose\n');
  });

  it('can omit the headings', () => {
    const whole = tablesText(statusTables(overview, { ...view, models: false })).split('\n');
    const bare = tablesText(statusTables(overview, { ...view, models: false }), false).split('\n');
    expect(bare.map((line) => line.split(' ')[0])).toEqual(whole.slice(1).map((line) => line.split(' ')[0]));
  });
});

describe('watching the tables', () => {
  const first = statusTables(overview, view);
  const objects = servingObjects();
  const later = statusTables(
    clusterOverview({
      ...objects,
      trainedModels: objects.trainedModels
        .filter(({ metadata }) => metadata.name !== 'rose')
        .map((model) => (model.metadata.name === 'seed' ? { ...model, spec: {} } : model)),
    }),
    { ...view, now: (NOW + 60_000) as EpochMs },
  );

  it('in a pipe prints the headings once, and then only appends changes', () => {
    const stdout = new PassThrough();
    const screen = screenFor(stdout);
    screen.show(first);
    expect(String(stdout.read()).match(/^MODEL /gm)).toHaveLength(1);
    screen.show(first);
    expect(stdout.read()).toBeNull();
    screen.show(later);
    const names = String(stdout.read())
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).toEqual(['flowers', 'seed', 'trainedmodel/default/rose']);
  });

  it('on a terminal redraws as much as fits', () => {
    const stdout = Object.assign(new PassThrough(), { isTTY: true, rows: 8 });
    const screen = screenFor(stdout);
    screen.show(first);
    const drawn = String(stdout.read());
    expect(drawn.startsWith('\u001b[H\u001b[J')).toBe(true);
    expect(drawn.trimEnd().split('\n')).toHaveLength(7);
    expect(drawn).toContain('lines more');
  });
});
