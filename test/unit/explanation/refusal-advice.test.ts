import { describe, expect, it } from '@jest/globals';
import { adviceOnRefusal } from '../../../src/explanation/refusal-advice.decide.ts';

const modelOf = (framework: string): Parameters<typeof adviceOnRefusal>[1] => ({
  metadata: { name: 'rose' },
  spec: { inferenceService: 'sk', model: { storageUri: 's3://b/rose', framework, memory: '1Mi' } },
});
const serviceOf = (model: unknown): Parameters<typeof adviceOnRefusal>[2] => ({
  metadata: { name: 'sk', namespace: 'default' },
  spec: { predictor: { model } },
});
const SKLEARN = serviceOf({ modelFormat: { name: 'sklearn' } });

describe('the advice for a model that the model server rejects', () => {
  it.each([
    ["IsADirectoryError: [Errno 21] Is a directory: '/mnt/models/rose'", /model\.joblib/],
    ["builtins.ModuleNotFoundError: No module named 'catboost'", /image with that package/],
    [
      "builtins.AttributeError: Can't get attribute 'Scale' on <module '__main__'>",
      /image with that package/,
    ],
    ['builtins.KeyError: 110', /as a pickle/],
    ["_pickle.UnpicklingError: invalid load key, '<'.", /as a pickle/],
    ['builtins.EOFError: Ran out of input', /as a pickle/],
    ['builtins.ValueError: unsupported pickle protocol: 5', /as a pickle/],
    ['builtins.ValueError: node array from the pickle has an incompatible dtype:', /another version/],
    [
      'builtins.ValueError: numpy.ndarray size changed, may indicate binary incompatibility',
      /another version/,
    ],
    ["builtins.AttributeError: 'Tree' object has no attribute 'missing_go_to_left'", /another version/],
    ["builtins.TypeError: __init__() got an unexpected keyword argument 'x'", /another version/],
    ['builtins.MemoryError', /too little memory/],
    [
      'numpy.core._exceptions._ArrayMemoryError: Unable to allocate 8.00 GiB for an array',
      /too little memory/,
    ],
  ])('%s', (message, advice) => {
    expect(
      adviceOnRefusal(`Failed: the model server answered 500: ${message}`, modelOf('sklearn'), SKLEARN),
    ).toMatch(advice);
  });

  it('says that the frameworks differ, before anything else', () => {
    expect(adviceOnRefusal('KeyError: 110', modelOf('sklaern'), SKLEARN)).toMatch(
      /^its framework is "sklaern"/,
    );
  });

  it.each([
    ['a name that is not a number', "KeyError: 'coef_'", SKLEARN],
    ['another fault', 'CUDA out of memory', SKLEARN],
    ['an InferenceService without a format', 'x', serviceOf({})],
    ['an InferenceService of another kind', 'x', serviceOf('junk')],
    ['no InferenceService', 'x', undefined],
  ])('is the default for %s', (_what, message, service) => {
    expect(adviceOnRefusal(message, modelOf('sklearn'), service)).toBeUndefined();
  });
});
