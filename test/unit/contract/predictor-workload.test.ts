import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { planPredictor } from '../../../src/contract/predictor-workload.ts';
import type { PredictorPlan } from '../../../src/contract/predictor-workload.ts';
import { readServingRuntime } from '../../../src/contract/serving-runtime.ts';
import type { ServingRuntime } from '../../../src/contract/serving-runtime.ts';
import { deepFreeze } from './injection-cases.ts';

/** One directory a case: `input.yaml` with an InferenceService and runtimes, and `expected.yaml`. */
const DIRECTORY = join(import.meta.dirname, 'predictors');
/** `UPDATE_GOLDENS=1` writes expected.yaml anew; the difference is then a person's to read. */
const update = process.env['UPDATE_GOLDENS'] === '1';

function planOf(name: string): PredictorPlan {
  const text = readFileSync(join(DIRECTORY, name, 'input.yaml'), 'utf8');
  const objects = parseAllDocuments(text).map((document) => deepFreeze(document.toJS() as ServingRuntime));
  const offers = (kind: 'ServingRuntime' | 'ClusterServingRuntime') =>
    objects.filter((object) => object.kind === kind).map((object) => readServingRuntime(kind, object));
  return planPredictor(objects[0] as InferenceService, {
    namespaced: offers('ServingRuntime'),
    cluster: offers('ClusterServingRuntime'),
  });
}

describe.each(readdirSync(DIRECTORY).sort())('%s', (name) => {
  const plan = planOf(name);

  it('is planned as expected', () => {
    const path = join(DIRECTORY, name, 'expected.yaml');
    const aliasDuplicateObjects = false;
    if (update) writeFileSync(path, stringify(plan, { lineWidth: 105, aliasDuplicateObjects }));
    expect(existsSync(path)).toBe(true);
    // What the API server is sent: without fields that are undefined.
    expect(JSON.parse(JSON.stringify(plan))).toEqual(parse(readFileSync(path, 'utf8')));
  });

  it('is planned the same way each time, to the letter', () => {
    expect(JSON.stringify(planOf(name))).toBe(JSON.stringify(plan));
  });
});
