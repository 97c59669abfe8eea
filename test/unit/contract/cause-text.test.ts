import { describe, expect, it } from '@jest/globals';
import { causeIn, shortened } from '../../../src/contract/cause-text.ts';
import { explanationIn, LONGEST_AGENT_MESSAGE, refusalText } from '../../../src/contract/server-answer.ts';

const HEADER = 'Traceback (most recent call last):';
/** The first line of a traceback in Starlette. */
const FRAMES = Array.from(
  { length: 30 },
  (_, n) =>
    `  File "/opt/lib/python3.11/site-packages/starlette/routing.py", line ${n}, in app\n    await app(scope)\n          ^^^^^^^`,
).join('\n');
const LAST =
  '  File "/opt/lib/python3.11/site-packages/joblib/numpy_pickle.py", line 632, in _unpickle\n    obj = unpickler.load()\n          ^^^^^^^^^^^^^^^^';
const WHERE = '(joblib/numpy_pickle.py, line 632, in _unpickle)';
const raised = (exception: string) => `${HEADER}\n${FRAMES}\n${LAST}\n${exception}\n`;

describe('the cause in the output of a program', () => {
  const TABLE: readonly (readonly [string, string, string])[] = [
    ['a key', raised('KeyError: 110'), `KeyError: 110 ${WHERE}`],
    ['an exception without a text', raised('EOFError'), `EOFError ${WHERE}`],
    ['several lines', raised('ValueError: one\n\n  two\n'), `ValueError: one two ${WHERE}`],
    ['lines with CRLF', raised('KeyError: 1').replaceAll('\n', '\r\n'), `KeyError: 1 ${WHERE}`],
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
      'an exception raised from another',
      `${raised("ModuleNotFoundError: No module named 'x'")}\nThe above exception was the direct cause of the following exception:\n\n${raised('RuntimeError: cannot load')}`,
      `RuntimeError: cannot load ${WHERE}; raised from ModuleNotFoundError: No module named 'x'`,
    ],
    [
      'an exception of a worker process',
      `multiprocessing.pool.RemoteTraceback: \n"""\n${raised('KeyError: 1')}"""\n\nThe above exception was the direct cause of the following exception:\n\n${raised('KeyError: 1')}`,
      `KeyError: 1 ${WHERE}`,
    ],
    [
      'an exception of a group',
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
    [
      'an exception of a worker process, raised again where it is awaited',
      `concurrent.futures.process._RemoteTraceback: \n"""\n${raised('ValueError: in the worker')}"""\n\nThe above exception was the direct cause of the following exception:\n\n${HEADER}\n  File "/usr/lib/python3.11/concurrent/futures/_base.py", line 401, in __get_result\n    raise self._exception\nValueError: in the worker\n`,
      `ValueError: in the worker ${WHERE}`,
    ],
    [
      'a group of unraised exceptions',
      [
        '  + Exception Group Traceback (most recent call last):',
        '  |   File "/a/b.py", line 1, in f',
        '  | ExceptionGroup: outer (2 sub-exceptions)',
        '  +-+---------------- 1 ----------------',
        '    | ExceptionGroup: inner (1 sub-exception)',
        '    +-+---------------- 1 ----------------',
        '      | OSError: no such bucket',
        '      +---------------- 2 ----------------',
        '      | ValueError: v',
        '      +------------------------------------',
      ].join('\n'),
      'OSError: no such bucket',
    ],
    [
      'XGBoost',
      raised(
        `xgboost.core.XGBoostError: [10:00:00] /src/learner.cc:100: Check failed: cannot open file\nStack trace:\n${Array.from({ length: 9 }, (_, n) => `  [bt] (${n}) /opt/lib/libxgboost.so(+0x${n}) [0x7f]`).join('\n')}\n\n`,
      ),
      `xgboost.core.XGBoostError: [10:00:00] /src/learner.cc:100: Check failed: cannot open file ${WHERE}`,
    ],
    [
      'PyTorch',
      raised(
        'RuntimeError: PytorchStreamReader failed locating file constants.pkl: file not found\nException raised from valid at ../caffe2/serialize/inline_container.cc:158 (most recent call first):\nframe #0: c10::Error::Error() + 0x57 (0x7f in /opt/lib/libc10.so)\nframe #1: <unknown function>',
      ),
      `RuntimeError: PytorchStreamReader failed locating file constants.pkl: file not found ${WHERE}`,
    ],
    [
      'log lines after it',
      `${raised('KeyError: 110')}INFO:     127.0.0.1 - "POST /v2/repository/models/x/load HTTP/1.1" 500 Internal Server Error`,
      `KeyError: 110 ${WHERE}`,
    ],
    [
      'log lines with timestamps after it',
      `${raised('KeyError: 110')}2026-01-01 00:00:00,000 [mlserver.grpc] INFO - Waiting for shutdown`,
      `KeyError: 110 ${WHERE}`,
    ],
    [
      'terminal colours',
      raised('\u001b[1;35mKeyError\u001b[0m: \u001b[35m110\u001b[0m'),
      `KeyError: 110 ${WHERE}`,
    ],
    [
      'Java alone',
      'o.p.ModelNotFoundException: no model m\n\tat o.p.A.b(A.java:1)\n\tat o.p.C.d(Native Method)\nCaused by: java.io.IOException: disk\n\t... 3 common frames omitted',
      'o.p.ModelNotFoundException: no model m\nCaused by: java.io.IOException: disk',
    ],
    [
      'Node.js',
      'Error: cannot load\n    at f (/app/x.js:1:2)\n    at async Object.<anonymous> (file:///app/y.js:3:4)\n    at /app/z.js:5:6',
      'Error: cannot load',
    ],
    [
      'Go',
      'panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/a.go:7 +0x1d\nexit status 2',
      'panic: assignment to entry in nil map',
    ],
    ['words', 'no such model', 'no such model'],
    ['an exception without a message', 'builtins.EOFError: ', 'builtins.EOFError'],
    ['a line before it', `ERROR: ${raised('KeyError: 110')}`, `KeyError: 110 ${WHERE}`],
  ];
  it.each(TABLE)('%s', (_what, text, cause) => {
    expect(causeIn(text, 400)).toBe(cause);
  });

  it('keeps the beginning and the end of a long message', () => {
    const long = `begin ${'x'.repeat(9_000)} end`;
    expect(causeIn(long, 100)).toMatch(/^begin x+ … x+ end$/);
    expect(causeIn(long, 100)).toHaveLength(100);
  });

  it('keeps the end of a traceback that was cut before its exception', () => {
    expect(causeIn(`${HEADER}\n${FRAMES}\n${LAST}`, 200)).toContain('unpickler.load()');
  });

  it.each(['X: ' + 'y'.repeat(5_000), `${'x.'.repeat(900)}E: z`])(
    'is never longer than the limit',
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
    '\n at :1:1'.repeat(200_000),
    '\n at a(' + '('.repeat(1_000_000),
    '\nStack trace:\n [bt] '.repeat(100_000),
    '<html>' + '<h1'.repeat(600_000),
  ])('handles 2 MB of untrusted text', (text) => {
    expect(causeIn(`a${text}b`, 400).length).toBeLessThanOrEqual(400);
    expect(explanationIn(`${text}b`, 400).length).toBeLessThanOrEqual(400);
  });
});

describe('a text that is too long', () => {
  it.each([0, 1, 3, 4, 7, 50])('of 100 characters becomes one of %d or less', (limit) => {
    expect(shortened('a'.repeat(100), limit).length).toBeLessThanOrEqual(Math.max(limit, 3));
  });
});

describe('the response of a model server', () => {
  const TABLE: readonly (readonly [string, string, string])[] = [
    ['V2', '{"error":"Model m not found"}', 'Model m not found'],
    ['FastAPI', '{"detail":"Not Found"}', 'Not Found'],
    ['vLLM', '{"error":{"message":"no such model","code":404}}', 'no such model'],
    ['TorchServe', '{"code":500,"type":"X","message":"Worker died."}', 'Worker died.'],
    ['a traceback in JSON', JSON.stringify({ error: raised('KeyError: 110') }), `KeyError: 110 ${WHERE}`],
    [
      'a response that contains the response of another server',
      JSON.stringify({ detail: JSON.stringify({ error: raised('KeyError: 110') }) }),
      `KeyError: 110 ${WHERE}`,
    ],
    [
      'FastAPI, for an invalid request',
      '{"detail":[{"type":"enum","loc":["body","inputs",0,"datatype"],"msg":"Input should be \'BOOL\'"},{"msg":"Field required"}]}',
      "body.inputs.0.datatype: Input should be 'BOOL'; Field required",
    ],
    [
      'a proxy, with an HTML page',
      '<!DOCTYPE html>\r\n<html><head><title>502 Bad Gateway</title><style>p{}</style></head><body><center><h1>502 Bad Gateway</h1></center><h2>no upstream</h2></body></html>',
      '502 Bad Gateway: no upstream',
    ],
    ['a page without a heading', '<html><body>no</body></html>', '<html><body>no</body></html>'],
    ['other JSON', '{"load":false}', '{"load":false}'],
    ['nothing', ' ', 'without a reason'],
    [
      'an error without debug output',
      'Internal Server Error',
      'Internal Server Error; the cause is in the log of the model server',
    ],
  ];
  it.each(TABLE)('%s', (_what, body, said) => {
    expect(explanationIn(body, 300)).toBe(said);
  });

  it('is no longer than a condition allows, so that it is not cut again', () => {
    expect(refusalText(500, 'x'.repeat(9_000)).length).toBeLessThanOrEqual(LONGEST_AGENT_MESSAGE);
  });
});
