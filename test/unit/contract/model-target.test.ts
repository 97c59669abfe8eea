import { describe, expect, it } from '@jest/globals';
import { modelTarget } from '../../../src/contract/model-target.ts';

describe('the model that a request targets', () => {
  it.each([
    ['POST', '/v1/models/m:predict', 'm'],
    ['POST', '/v1/models/m:explain?x=1', 'm'],
    ['POST', '/v1/models/m/versions/2:predict', 'm'],
    ['POST', '/v1/models/m/labels/stable:classify', 'm'],
    ['POST', '/v1/models/m%3Apredict', 'm'],
    ['POST', '/v2/models/m/infer', 'm'],
    ['POST', '/v2/models/m/versions/v1/infer', 'm'],
    ['POST', '/v2/models/m/generate', 'm'],
    ['POST', '/v2/models/m/generate_stream', 'm'],
    ['POST', '/v2/models/m/infer_stream', 'm'],
    ['POST', '/v2/models/%6D/infer', 'm'],
    ['POST', '/v2/models/m/%69nfer', 'm'],
    ['POST', '/v2/models/m%2Finfer', 'm'],
    ['POST', '/v2/models/%256D/infer', '%6D'],
    ['POST', '/v2/models/../infer', '..'],
    ['POST', '/v2/models/constructor/infer', 'constructor'],
  ])('%s %s needs %s in memory', (method, target, model) => {
    expect(modelTarget(method, target)).toEqual({ model, ask: 'inference' });
  });

  it.each([
    ['GET', '/v1/models/m', 'ready'],
    ['HEAD', '/v2/models/m/ready', 'ready'],
    ['GET', '/v2/models/m/versions/1/ready', 'ready'],
    ['GET', '/v2/models/m', 'metadata'],
    ['GET', '/v2/models/m/versions/1', 'metadata'],
  ])('%s %s asks about %s', (method, target, ask) => {
    expect(modelTarget(method, target)).toEqual({ model: 'm', ask });
  });

  it.each([
    ['GET', '/v2/models/m/infer'],
    ['OPTIONS', '/v2/models/m/infer'],
    ['POST', '/v2/models/m/ready'],
    ['POST', '/v2/models/m/unload'],
    ['POST', '/v2/models//infer'],
    ['POST', '/v2/models/%FF/infer'],
    ['POST', '/v2/models/a%2Fb/infer'],
    ['POST', '/v2/repository/models/m/load'],
    ['POST', '/V2/models/m/infer'],
    ['GET', '/v2/health/ready'],
    ['GET', '/v1/models'],
    ['POST', '/v1/models/m:stop'],
    ['POST', '*'],
  ])('%s %s targets no model', (method, target) => {
    expect(modelTarget(method, target)).toBeUndefined();
  });
});
