import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import { planPredictor } from '../../../../src/controllers/predictors/predictor-workload.decide.ts';
import type { PredictorPlan } from '../../../../src/controllers/predictors/predictor-workload.decide.ts';
import { readServingRuntime } from '../../../../src/contract/serving-runtime.ts';
import type { ServingRuntime } from '../../../../src/contract/serving-runtime.ts';
import { UPDATE, writeExpected } from '../../../support/golden-case.ts';
import { deepFreeze } from '../../contract/injection-cases.ts';

/** One file for each case: an InferenceService, its runtimes, and finally a document with `expected`. */
const DIRECTORY = join(import.meta.dirname, 'predictors');

function documentsOf(file: string): unknown[] {
  const documents = parseAllDocuments(readFileSync(join(DIRECTORY, file), 'utf8'));
  return documents.map((document) => document.toJS() as unknown);
}

function planOf(name: string): PredictorPlan {
  const objects = deepFreeze(documentsOf(name).slice(0, -1) as ServingRuntime[]);
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
    if (UPDATE) writeExpected(join(DIRECTORY, name), plan);
    // As sent to the API server: without fields that are undefined.
    expect({ expected: JSON.parse(JSON.stringify(plan)) as unknown }).toEqual(documentsOf(name).at(-1));
  });

  it('is planned identically each time', () => {
    expect(JSON.stringify(planOf(name))).toBe(JSON.stringify(plan));
  });
});
