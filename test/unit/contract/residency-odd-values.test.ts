import { describe, expect, it } from '@jest/globals';
import { analyze } from '../../../src/cli/analyze/analysis.decide.ts';
import { decideInjection } from '../../../src/contract/agent-injection.ts';
import type { InferenceService } from '../../../src/contract/inference-service.ts';
import { residencyWarnings } from '../../../src/contract/residency-arguments.ts';
import { DEFAULT_SYSTEM_CONFIG } from '../../../src/contract/system-config.ts';
import { residencyDoubts } from '../../../src/controllers/status/residency-doubts.decide.ts';
import type { PredictorFacts } from '../../../src/explanation/facts.decide.ts';
import { residencySteps } from '../../../src/explanation/residency-steps.decide.ts';

const LONG = 200_000;
const VALUES: readonly (readonly [what: string, value: string])[] = [
  ...['-1Gi', '1e400', '-1e400', '1e9999999999', '4GiB', '4gi', '4 Gi'].map(
    (value) => [JSON.stringify(value), value] as const,
  ),
  ...[
    '0',
    '-0',
    '0Ki',
    '',
    ' ',
    'Gi',
    '.',
    '+',
    '1..5Gi',
    '0x10',
    'NaN',
    'Infinity',
    '1e19',
    '9Ei',
    '٤Gi',
  ].map((value) => [JSON.stringify(value), value] as const),
  ['half a surrogate pair', '\ud800'],
  ['a control character', '4\u0000Gi'],
  ['200 kB of digits', '9'.repeat(LONG)],
  ['200 kB of digits after a decimal point', `0.${'0'.repeat(LONG)}1`],
  ['an exponent of 200 kB', `1e${'9'.repeat(LONG)}`],
  ['200 kB of text', 'x'.repeat(LONG)],
  ['200 kB of characters that JSON escapes', '\u0001'.repeat(LONG)],
];
/** The bound for a message that quotes at most 80 characters of the value. */
const LONGEST = 300;
const BUDGETS = ['kserve-mms/memory-budget', 'kserve-mms/disk-budget'];

const service = (annotations: Record<string, string>): InferenceService => ({
  metadata: { name: 'sk', namespace: 'ns', annotations },
  spec: { predictor: { sklearn: { resources: { limits: { memory: '4Gi' } } } } },
});
const pod = {
  metadata: {
    name: 'sk-predictor-0',
    labels: { 'serving.kserve.io/inferenceservice': 'sk', component: 'predictor' },
  },
  spec: {
    containers: [{ name: 'kserve-container', image: 's', resources: { limits: { memory: '4Gi' } } }],
  },
};

/** The messages about the value, in each place that shows one. */
function reported(odd: InferenceService): Record<string, readonly string[]> {
  const facts = {
    inferenceService: { kind: 'known', value: odd },
    service: { kind: 'known', value: undefined },
  } as unknown as PredictorFacts;
  const [understood] = residencySteps(facts);
  const object = { apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService', object: { ...odd } };
  const verdict = understood?.[1]();
  return {
    explain: verdict?.outcome === 'broken' ? [verdict.message] : [],
    analyze: analyze([object]).flatMap(({ code, message }) => (code === 'MMS307' ? [message] : [])),
    event: residencyDoubts(odd).map(({ message }) => message),
    'warning of a TrainedModel': residencyWarnings(odd, undefined),
    'warning of a pod': decided(odd).warnings,
  };
}

function decided(inferenceService: InferenceService) {
  const system = DEFAULT_SYSTEM_CONFIG;
  return decideInjection({ pod, inferenceService, system, credentials: [] });
}

function argumentsOf(inferenceService: InferenceService): readonly string[] {
  const { outcome, pod: made } = decided(inferenceService);
  expect(outcome).toBe('inject');
  return made.spec.containers.find(({ name }) => name === 'agent')?.args?.slice(-4) ?? [];
}

describe.each(BUDGETS)('an invalid value of %s', (annotation) => {
  it.each(VALUES)(
    '%s: gets a short message in each place, and the pod is created with the default',
    (_, value) => {
      const odd = service({ 'kserve-mms/residency': 'on-demand', [annotation]: value });
      expect(argumentsOf(odd)).toEqual(['--residency', 'on-demand', '--memory-budget', '3686Mi']);
      for (const messages of Object.values(reported(odd))) {
        expect(messages).toEqual([expect.stringMatching(`^${annotation} is ".*The default is used$`)]);
        expect(messages[0]?.length).toBeLessThan(LONGEST);
        expect(messages[0]?.isWellFormed()).toBe(true);
      }
    },
  );
});

it.each([...VALUES, ['the word in another case', 'On-Demand'] as const])(
  'a residency of %s gets a short message in each place, and all models stay in memory',
  (_, value) => {
    const odd = service({ 'kserve-mms/residency': value });
    expect(argumentsOf(odd)).not.toContain('--residency');
    for (const messages of Object.values(reported(odd))) {
      expect(messages).toEqual([expect.stringMatching(/"always" is used$/)]);
      expect(messages[0]?.length).toBeLessThan(LONGEST);
    }
  },
);

it.each([' 4Gi', '4Gi ', '4Gi\n'])('reads %j as 4Gi, as in the resources of a container', (value) => {
  const blanks = service({ 'kserve-mms/residency': 'on-demand', 'kserve-mms/memory-budget': value });
  expect(argumentsOf(blanks).slice(-2)).toEqual(['--memory-budget', '4Gi']);
  expect(reported(blanks)['warning of a pod']).toEqual([]);
});
