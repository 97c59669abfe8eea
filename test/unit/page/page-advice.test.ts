import { describe, expect, it } from '@jest/globals';
import { broken, explanation, ok } from '../../../src/explanation/chain.decide.ts';
import { LINKS } from '../../../src/explanation/links.decide.ts';
import { adviceOf } from '../../../src/page/page-advice.decide.ts';

const SUBJECT = { kind: 'TrainedModel', namespace: 'ns', name: 'iris' } as const;
const COMMAND = 'mms explain tm/iris -n ns';

describe('the advice of the page', () => {
  it('is null while no link is broken', () => {
    expect(adviceOf(explanation(SUBJECT, [['model-exists', () => ok('it is there')]]), '')).toBeNull();
  });

  it('is that of explain for the first broken link', () => {
    const found = explanation(SUBJECT, [
      ['memory-fits', () => broken('it needs 1Gi')],
      ['pods-exist', () => broken('there is no predictor pod')],
    ]);
    const advice = { message: 'it needs 1Gi', advice: LINKS['memory-fits'].advice, command: COMMAND };
    expect(adviceOf(found, '')).toEqual(advice);
    expect(adviceOf(found, 'something else')).toEqual(advice);
  });

  it.each([
    ['shows the same', 'it needs 1Gi'],
    ['shows more', 'MemoryResourceNotAvailable: it needs 1Gi'],
    ['shows a part of it', 'needs 1Gi'],
  ])('does not repeat its message when the page %s', (_what, reported) => {
    const found = explanation(SUBJECT, [['memory-fits', () => broken('it needs 1Gi')]]);
    expect(adviceOf(found, reported)).toMatchObject({ message: '', advice: LINKS['memory-fits'].advice });
  });

  it('omits models that are not loaded, because the list below shows them', () => {
    const service = { kind: 'InferenceService', namespace: 'ns', name: 'sk' } as const;
    expect(adviceOf(explanation(service, [['models-loaded', () => broken('2 are not')]]), '')).toBeNull();
    expect(adviceOf(explanation(service, [['pods-exist', () => broken('no pod')]]), '')?.command).toBe(
      'mms explain isvc/sk -n ns',
    );
  });
});
