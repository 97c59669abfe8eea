import { describe, expect, it } from '@jest/globals';
import type { Protocol } from '../../../../src/cli/infer/infer-request.decide.ts';
import { faultOfRequest, inferenceUrl, protocolFor } from '../../../../src/cli/infer/infer-request.decide.ts';
import type { InferenceService } from '../../../../src/contract/inference-service.ts';
import type { TrainedModelStatus } from '../../../../src/contract/trained-model-status.ts';

const service = (protocolVersion?: string): InferenceService => ({
  metadata: { name: 's' },
  spec: { predictor: { model: { modelFormat: { name: 'sklearn' }, protocolVersion } } },
});

describe('the protocol of a model', () => {
  it.each<[string, TrainedModelStatus, InferenceService | undefined, Protocol | undefined]>([
    ['of its URL', { url: 'http://s.example.com/v2/models/m/infer' }, undefined, 'v2'],
    ['of its address', { address: { url: 'http://s.ns/v1/models/m:predict' } }, service('v2'), 'v1'],
    ['of its InferenceService', {}, service('v2'), 'v2'],
    ["KServe's default", {}, service(), 'v1'],
    ['without anything to go by', {}, undefined, 'v1'],
    ['of a URL without a path', { url: 'http://s' }, service('v2'), 'v2'],
    ['an unsupported one', {}, service('grpc-v2'), undefined],
    ['with an invalid URL', { url: 'nonsense' }, service('v2'), 'v2'],
  ])('%s', (_what, status, inferenceService, protocol) => {
    expect(protocolFor(status, inferenceService)).toBe(protocol);
  });
});

describe('the URL of a request', () => {
  it.each<[string, Protocol, string]>([
    ['http://localhost:8080', 'v2', 'http://localhost:8080/v2/models/m/infer'],
    ['http://localhost:8080/', 'v1', 'http://localhost:8080/v1/models/m:predict'],
    ['https://gate/behind/', 'v2', 'https://gate/behind/v2/models/m/infer'],
    ['http://x/v2/models/other/infer', 'v1', 'http://x/v2/models/other/infer'],
  ])('%s with %s', (given, protocol, url) => {
    expect(inferenceUrl(given, 'm', protocol)).toBe(url);
  });
});

describe('a request', () => {
  it.each<[string, Protocol, string | undefined]>([
    ['{"inputs":[]}', 'v2', undefined],
    ['{"instances":[[1]]}', 'v1', undefined],
    ['{"inputs":[[1]]}', 'v1', undefined],
    [
      '{"instances":[[1]]}',
      'v2',
      'the v2 protocol wants an object with "inputs"; with "instances" it is of the other protocol, see --protocol',
    ],
    ['[1]', 'v2', 'the v2 protocol wants an object with "inputs"'],
    ['null', 'v1', 'the v1 protocol wants an object with "instances"'],
    [' ', 'v2', 'it is empty'],
  ])('%s with %s', (text, protocol, fault) => {
    expect(faultOfRequest(text, protocol)).toBe(fault);
  });

  it('that is not JSON is rejected with the position', () => {
    expect(faultOfRequest('{"inputs":', 'v2')).toMatch(/^it is not JSON: .+/);
  });
});
