import { describe, expect, it } from '@jest/globals';
import { explanationText } from '../../../../src/cli/explain/explanation-text.ts';
import { broken, explanation, ok } from '../../../../src/explanation/chain.decide.ts';
import type { Step } from '../../../../src/explanation/chain.decide.ts';

const plain = (_colour: string, text: string): string => text;
const SUBJECT = { namespace: 'a', name: 'b' };

describe('an explanation as text', () => {
  it.each([
    ['TrainedModel', 'model-exists'],
    ['InferenceService', 'inference-service-found'],
    ['Pod', 'pod-exists'],
  ] as const)('has three lines for a missing %s', (kind, id) => {
    const steps: Step[] = [
      [id, () => broken('it is not there')],
      ['multi-model', () => ok('never')],
    ];
    const lines = explanationText(explanation({ kind, ...SUBJECT }, steps), plain)
      .trimEnd()
      .split('\n');
    expect(lines).toHaveLength(3);
    expect(lines.join('\n').match(/it is not there/g)).toHaveLength(1);
  });

  it('names the broken link once, and the links after it', () => {
    const steps: Step[] = [
      ['model-exists', () => ok('there')],
      ['inference-service-found', () => broken('no InferenceService c', 'create it')],
      ['multi-model', () => ok('never')],
    ];
    expect(explanationText(explanation({ kind: 'TrainedModel', ...SUBJECT }, steps), plain)).toBe(
      [
        'TrainedModel a/b',
        '✓ model-exists             there',
        '✗ inference-service-found  no InferenceService c',
        '                           → create it',
        '· multi-model              the InferenceService serves many models',
        '',
      ].join('\n'),
    );
  });
});
