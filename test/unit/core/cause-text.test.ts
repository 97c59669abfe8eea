import { describe, expect, it } from '@jest/globals';
import { causeIn, shortened } from '../../../src/core/cause-text.ts';
import { explanationIn, LONGEST_AGENT_MESSAGE, refusalText } from '../../../src/core/server-answer.ts';

const HEADER = 'Traceback (most recent call last):';
/** As Starlette begins it. */
const FRAMES = Array.from(
  { length: 30 },
  (_, n) =>
    `  File "/opt/lib/python3.11/site-packages/starlette/routing.py", line ${n}, in app\n    await app(scope)\n          ^^^^^^^`,
).join('\n');
const LAST =
  '  File "/opt/lib/python3.11/site-packages/joblib/numpy_pickle.py", line 632, in _unpickle\n    obj = unpickler.load()\n          ^^^^^^^^^^^^^^^^';
const WHERE = '(joblib/numpy_pickle.py, line 632, in _unpickle)';
const raised = (exception: string) => `${HEADER}\n${FRAMES}\n${LAST}\n${exception}\n`;

describe('the cause in what a program says', () => {
  const TABLE: readonly (readonly [string, string, string])[] = [
    ['a key', raised('KeyError: 110'), `KeyError: 110 ${WHERE}`],
    ['an exception without a text', raised('EOFError'), `EOFError ${WHERE}`],
    ['several lines', raised('ValueError: one\n\n  two\n'), `ValueError: one two ${WHERE}`],
    ['lines of Windows', raised('KeyError: 1').replaceAll('\n', '\r\n'), `KeyError: 1 ${WHERE}`],
    [
      'a module that is missing',
      `${HEADER}\n${LAST}\n  File "<frozen importlib._bootstrap>", line 1140, in _find\nModuleNotFoundError: No module named 'x'`,
      `ModuleNotFoundError: No module named 'x' ${WHERE}`,
    ],
    [
      'a syntax error',
      `${HEADER}\n${LAST}\n  File "/mnt/models/m/model.py", line 3\n    def\n       ^\nSyntaxError: invalid syntax`,
      'SyntaxError: invalid syntax (/mnt/models/m/model.py, line 3)',
    ],
    [
      'one raised from another',
      `${raised("ModuleNotFoundError: No module named 'x'")}\nThe above exception was the direct cause of the following exception:\n\n${raised('RuntimeError: cannot load')}`,
      `RuntimeError: cannot load ${WHERE}; raised from ModuleNotFoundError: No module named 'x'`,
    ],
    [
      'one of a worker process',
      `multiprocessing.pool.RemoteTraceback: \n"""\n${raised('KeyError: 1')}"""\n\nThe above exception was the direct cause of the following exception:\n\n${raised('KeyError: 1')}`,
      `KeyError: 1 ${WHERE}`,
    ],
    [
      'one of a group',
      [
        '  + Exception Group Traceback (most recent call last):',
        '  |   File "/a/b.py", line 1, in <module>',
        '  |     raise',
        '  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)',
        '  +-+---------------- 1 ----------------',
        '    | Traceback (most recent call last):',
        '    |   File "/a/c.py", line 2, in f',
        '    |     1/0',
        '    | ZeroDivisionError: division by zero',
        '    +------------------------------------',
      ].join('\n'),
      'ZeroDivisionError: division by zero (/a/c.py, line 2, in f)',
    ],
    [
      'pybind11, in Triton',
      "load failed for model 'a': version 1 is at UNAVAILABLE state: Internal: RuntimeError: no weights\n\nAt:\n  /m/a/1/model.py(5): initialize\n  /m/b.py(6): g\n;\n",
      "load failed for model 'a': version 1 is at UNAVAILABLE state: Internal: RuntimeError: no weights (/m/a/1/model.py(5): initialize)\n;",
    ],
    [
      'a Java virtual machine below Python',
      raised(
        'py4j.Py4JJavaError: it failed.\n: java.io.IOException: no file\n\tat org.a.B.c(B.java:1)\n\t... 2 more\n',
      ),
      `py4j.Py4JJavaError: it failed. : java.io.IOException: no file ${WHERE}`,
    ],
    ['words', 'no such model', 'no such model'],
    ['a line before it', `ERROR: ${raised('KeyError: 110')}`, `KeyError: 110 ${WHERE}`],
  ];
  it.each(TABLE)('%s', (_what, text, cause) => {
    expect(causeIn(text, 400)).toBe(cause);
  });

  it('keeps the beginning and the end of words', () => {
    const long = `begin ${'x'.repeat(9_000)} end`;
    expect(causeIn(long, 100)).toMatch(/^begin x+ … x+ end$/);
    expect(causeIn(long, 100)).toHaveLength(100);
  });

  it('keeps the end of a traceback that was cut before its exception', () => {
    expect(causeIn(`${HEADER}\n${FRAMES}\n${LAST}`, 200)).toContain('unpickler.load()');
  });

  it.each(['X: ' + 'y'.repeat(5_000), `${'x.'.repeat(900)}E: z`])(
    'never gets longer than it may',
    (exception) => {
      const chain = `${raised(exception)}\nDuring handling of the above exception, another exception occurred:\n\n${raised(`${exception}!`)}`;
      for (const limit of [60, 200, 400]) expect(causeIn(chain, limit).length).toBeLessThanOrEqual(limit);
    },
  );

  it.each([
    '\n'.repeat(1_000_000),
    '\n\t'.repeat(500_000),
    'At:\n (1): '.repeat(200_000),
    `${HEADER}\n`.repeat(100_000),
    '+-'.repeat(1_000_000) + 'Exception Group Traceback (most recent call last):',
    '  File "'.repeat(200_000),
  ])('is found in 2 MB from anybody', (text) => {
    expect(causeIn(`a${text}b`, 400).length).toBeLessThanOrEqual(400);
  });
});

describe('a text that is too long', () => {
  it.each([0, 1, 3, 4, 7, 50])('of 100 characters becomes one of %d or less', (limit) => {
    expect(shortened('a'.repeat(100), limit).length).toBeLessThanOrEqual(Math.max(limit, 3));
  });
});

describe('what a model server answers', () => {
  const TABLE: readonly (readonly [string, string, string])[] = [
    ['V2', '{"error":"Model m not found"}', 'Model m not found'],
    ['FastAPI', '{"detail":"Not Found"}', 'Not Found'],
    ['vLLM', '{"error":{"message":"no such model","code":404}}', 'no such model'],
    ['TorchServe', '{"code":500,"type":"X","message":"Worker died."}', 'Worker died.'],
    ['a traceback in JSON', JSON.stringify({ error: raised('KeyError: 110') }), `KeyError: 110 ${WHERE}`],
    ['other JSON', '{"load":false}', '{"load":false}'],
    ['nothing', ' ', 'without a reason'],
    [
      'an exception without debug',
      'Internal Server Error',
      'Internal Server Error; the cause is in the log of the model server',
    ],
  ];
  it.each(TABLE)('%s', (_what, body, said) => {
    expect(explanationIn(body, 300)).toBe(said);
  });

  it('is no longer than what a condition takes, so that it is not cut again', () => {
    expect(refusalText(500, 'x'.repeat(9_000)).length).toBeLessThanOrEqual(LONGEST_AGENT_MESSAGE);
  });
});
