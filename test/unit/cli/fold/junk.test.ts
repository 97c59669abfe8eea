import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { sharedInferenceService, trainedModelOf } from '../../../../src/cli/fold/manifests.decide.ts';
import { plotOf } from '../../../../src/cli/fold/plot.decide.ts';
import { reportDocument } from '../../../../src/cli/fold/report-document.decide.ts';
import { isMMSPredictor } from '../../../../src/contract/mms-predictor.ts';
import type { InferenceService, Predictor } from '../../../../src/contract/inference-service.ts';
import { bytes } from '../../../../src/lib/quantity.ts';
import { facts, reportOf, single } from './fold-scene.ts';

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom('1', '-1', '1e999', '0', '600Mi', 'NaN', '', null, 1e300, -1, 2 ** 70),
);
const resources = fc.record(
  { requests: fc.dictionary(fc.constantFrom('cpu', 'memory', 'a/b', '__proto__'), junk), limits: junk },
  { requiredKeys: [] },
);
const model = fc.record(
  {
    ...{ modelFormat: junk, storageUri: junk, protocolVersion: junk, runtime: junk, env: junk, args: junk },
    ...{ resources: fc.oneof(resources, junk), image: junk, runtimeVersion: junk, constructor: junk },
  },
  { requiredKeys: [] },
);
const predictor = fc.record(
  {
    ...{ minReplicas: junk, maxReplicas: junk, labels: junk, annotations: junk, serviceAccountName: junk },
    ...{ tolerations: junk, containers: junk, scaleTarget: junk, logger: junk, toString: junk },
  },
  { requiredKeys: [] },
);

/** Objects of a cluster whose CRD has no schema, and of files, may contain anything. */
describe('InferenceServices with junk in any field', () => {
  it('are each in one list, and the result for a group is multi-model', () => {
    const services = fc.array(fc.record({ model, predictor }), { minLength: 2, maxLength: 4 });
    const property = fc.property(services, fc.boolean(), (changes, twice) => {
      // Each of them twice, so that equal junk forms groups.
      const all: InferenceService[] = [...changes, ...(twice ? changes : [])].map((one, index) =>
        single(`m${index}`, one as Parameters<typeof single>[1]),
      );
      const report = reportOf(facts([...all, single('good'), single('better')]));
      const grouped = report.groups.flatMap(({ group }) =>
        group.members.map(({ candidate }) => candidate.name),
      );
      const named = [...grouped, ...report.alone.map(({ name }) => name)];
      expect(named.sort()).toEqual([...all.map(({ metadata }) => metadata.name), 'good', 'better'].sort());
      for (const { group, shared } of report.groups) {
        const written = sharedInferenceService(group, shared);
        expect(isMMSPredictor(written.spec['predictor'] as Predictor).isMms).toBe(true);
        stringify([written, ...group.members.map((member) => trainedModelOf(member, group))]);
      }
      expect(JSON.stringify(reportDocument(report))).not.toContain('null,"memory":null');
      plotOf(report);
    });
    fc.assert(property, { numRuns: 400 });
  });

  it('ignore numbers beyond the range of Kubernetes', () => {
    const absurd = { requests: { cpu: '1e300', memory: '1e300' } };
    const services = ['a', 'b'].map((name) =>
      single(name, { predictor: { minReplicas: 1e300 }, model: { resources: absurd } }),
    );
    const report = reportOf(facts(services), { modelMemory: bytes(1) });
    // KServe's default of 1 CPU and 2Gi, for one pod each.
    expect(report.before).toEqual({ pods: 2, cpu: 2000, memory: 2n * 2n * 1024n ** 3n });
    expect(plotOf(report)).not.toMatch(/Infinity|NaN/);
  });
});
