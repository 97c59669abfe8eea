import { describe, expect, it } from '@jest/globals';
import {
  readinessOf,
  serviceTrouble,
  troubleText,
} from '../../../src/explanation/service-standing.decide.ts';

const service = (status: object | undefined) => ({ metadata: { name: 'a' }, ...(status && { status }) });
const condition = (type: string, status: string, more: object = {}) => ({ type, status, ...more });
const NO_RUNTIME = { reason: 'NoSupportingRuntime', message: 'no runtime serves sklearn' };
const NOT_DEPLOYED = { reason: 'PredictorNotDeployed', message: 'the predictor has no Service yet' };

describe('why an InferenceService is not ready', () => {
  const TABLE: readonly (readonly [string, object | undefined, string | undefined])[] = [
    ['no status', undefined, undefined],
    ['it is ready', { conditions: [condition('Ready', 'True')] }, undefined],
    [
      'the cause, not its consequences',
      {
        conditions: [
          condition('IngressReady', 'Unknown', NOT_DEPLOYED),
          condition('Ready', 'False', { reason: 'PredictorReady not ready' }),
          condition('PredictorReady', 'False', NO_RUNTIME),
        ],
      },
      'NoSupportingRuntime: no runtime serves sklearn',
    ],
    [
      'a False condition before an Unknown one',
      {
        conditions: [
          condition('PredictorReady', 'Unknown', { message: 'starting' }),
          condition('IngressReady', 'False', { reason: 'ServiceMisdirected', message: 'elsewhere' }),
        ],
      },
      'ServiceMisdirected: elsewhere',
    ],
    [
      'the failure info of KServe, when the condition has no message',
      {
        conditions: [condition('PredictorReady', 'False'), condition('Ready', 'False', { reason: 'X' })],
        modelStatus: { lastFailureInfo: NO_RUNTIME },
      },
      'NoSupportingRuntime: no runtime serves sklearn',
    ],
    ['only a reason', { conditions: [condition('Ready', 'False', { reason: 'Revision' })] }, 'Revision'],
    [
      'ignores conditions with severity Info',
      {
        conditions: [
          condition('Ready', 'Unknown'),
          condition('PredictorReady', 'False', { ...NO_RUNTIME, severity: 'Info' }),
        ],
      },
      undefined,
    ],
    ['junk', { conditions: 'junk', modelStatus: 7 }, undefined],
    [
      'nested junk',
      { conditions: [7, condition('Ready', 'False', { message: {} })], modelStatus: { lastFailureInfo: 7 } },
      undefined,
    ],
  ];
  it.each(TABLE)('%s', (_what, status, text) => {
    const trouble = serviceTrouble(service(status));
    expect(trouble && troubleText(trouble)).toBe(text);
  });

  it.each([
    [undefined, undefined],
    [{ conditions: [] }, undefined],
    [{ conditions: [condition('Ready', 'False')] }, 'False'],
    [{ conditions: [condition('Ready', 'other')] }, 'Unknown'],
  ])('with status %j, readiness is %s', (status, readiness) => {
    expect(readinessOf(service(status) as never)).toBe(readiness);
  });
});
