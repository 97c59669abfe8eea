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
  ['half of a character', '\ud800'],
  ['a control character', '4\u0000Gi'],
  ['200 kB of digits', '9'.repeat(LONG)],
  ['200 kB of digits behind a point', `0.${'0'.repeat(LONG)}1`],
  ['200 kB of an exponent', `1e${'9'.repeat(LONG)}`],
  ['200 kB of text', 'x'.repeat(LONG)],
  ['200 kB of what JSON writes at length', '\u0001'.repeat(LONG)],
];
/** The value, at 80 characters, and what is said around it. */
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

/** What is said of the value at each place where a person looks. */
function told(odd: InferenceService): Record<string, readonly string[]> {
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

describe.each(BUDGETS)('a value of %s that is no amount', (annotation) => {
  it.each(VALUES)('%s: is told at each place, shortly; the pod is made, with the default', (_, value) => {
    const odd = service({ 'kserve-mms/residency': 'on-demand', [annotation]: value });
    expect(argumentsOf(odd)).toEqual(['--residency', 'on-demand', '--memory-budget', '3686Mi']);
    for (const messages of Object.values(told(odd))) {
      expect(messages).toEqual([expect.stringMatching(`^${annotation} is ".*The default is used$`)]);
      expect(messages[0]?.length).toBeLessThan(LONGEST);
      expect(messages[0]?.isWellFormed()).toBe(true);
    }
  });
});

it.each([...VALUES, ['a word of another case', 'On-Demand'] as const])(
  'a residency of %s: is told at each place, shortly; all models stay in memory',
  (_, value) => {
    const odd = service({ 'kserve-mms/residency': value });
    expect(argumentsOf(odd)).not.toContain('--residency');
    for (const messages of Object.values(told(odd))) {
      expect(messages).toEqual([expect.stringMatching(/"always" is used$/)]);
      expect(messages[0]?.length).toBeLessThan(LONGEST);
    }
  },
);

it.each([' 4Gi', '4Gi ', '4Gi\n'])('%j is 4Gi, as in the resources of a container', (value) => {
  const blanks = service({ 'kserve-mms/residency': 'on-demand', 'kserve-mms/memory-budget': value });
  expect(argumentsOf(blanks).slice(-2)).toEqual(['--memory-budget', '4Gi']);
  expect(told(blanks)['warning of a pod']).toEqual([]);
});
