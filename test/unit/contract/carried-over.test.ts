import { describe, expect, it } from '@jest/globals';
import { MAX_CARRIED_OVER, MAX_PROBE, MAX_VALUES_CARRIED_OVER } from '../../../src/contract/carried-over.ts';
import { findObstacle } from '../../../src/contract/injection-obstacles.ts';
import type { Container, Pod } from '../../../src/contract/pod.ts';

const pod = (annotations: Record<string, string>, ...containers: Container[]): Pod => ({
  metadata: { name: 'p', annotations },
  spec: { containers },
});
const server = (fields: Partial<Container> = {}): Container => ({ name: 'kserve-container', ...fields });
const queueProxy = (value: string): Container => ({ name: 'queue-proxy', env: [{ name: 'E', value }] });
const variables = (count: number): Container => ({
  name: 'queue-proxy',
  env: Array.from({ length: count }, (_, at) => ({ name: `E${at}`, value: 'v' })),
});
const agent = (...args: string[]): Container => ({ name: 'agent', args: ['--enable-puller', ...args] });
const numbers = (count: number): number[] => Array.from({ length: count }, () => 1);
const letters = (count: number): string => 'x'.repeat(count);

describe('a pod from which the agent takes over too much', () => {
  it.each([
    ['queue-proxy', pod({}, server(), queueProxy(letters(MAX_CARRIED_OVER)))],
    ['queue-proxy', pod({}, server(), queueProxy('\u0001'.repeat(MAX_CARRIED_OVER / 5)))],
    [
      'readiness probe',
      pod({}, server({ readinessProbe: { httpGet: { path: letters(MAX_PROBE), port: 80 } } })),
    ],
    ['security context', pod({}, server({ securityContext: { x: letters(MAX_CARRIED_OVER) } }))],
    ['queue-proxy', pod({}, server(), queueProxy('\ud800'.repeat(MAX_CARRIED_OVER / 5)))],
    ['queue-proxy', pod({}, server(), queueProxy('"'.repeat(MAX_CARRIED_OVER / 2)))],
    ['queue-proxy', pod({}, server(), variables(6_000))],
    ['security context', pod({}, server({ securityContext: { x: numbers(MAX_VALUES_CARRIED_OVER) } }))],
    ['readiness probe', pod({}, server({ readinessProbe: { httpGet: { x: numbers(20_000) } } }))],
    ['arguments', pod({}, server(), agent(letters(MAX_CARRIED_OVER)))],
    ['arguments', pod({}, server(), agent(...numbers(MAX_VALUES_CARRIED_OVER).map(String)))],
    ['modelDir', pod({ 'internal.serving.kserve.io/modelDir': letters(MAX_CARRIED_OVER) }, server())],
    [
      'modelDir',
      pod(
        { 'internal.serving.kserve.io/modelDir': letters(MAX_CARRIED_OVER / 2) },
        server(),
        queueProxy(letters(MAX_CARRIED_OVER / 2)),
      ),
    ],
    ['logger-sink-url', pod({ 'internal.serving.kserve.io/logger-sink-url': letters(MAX_PROBE) }, server())],
    [
      'what internal.serving.kserve.io/logger-metadata-annotations names',
      pod(
        {
          'internal.serving.kserve.io/logger-metadata-annotations': 'note,'.repeat(10_000),
          note: letters(1_000),
        },
        server(),
      ),
    ],
  ])('is rejected with a message that names the part: %s', (part, large) => {
    const obstacle = findObstacle(large, 'modelconfig-sk-0');
    expect(obstacle?.reason).toBe('AgentTooLarge');
    expect(obstacle?.message).toContain(part);
    expect(obstacle?.message.length).toBeLessThan(400);
  });

  it.each([
    ['as much as the limit allows', pod({}, server(), queueProxy(letters(MAX_CARRIED_OVER - 100)))],
    ['whole surrogate pairs', pod({}, server(), queueProxy('😀'.repeat(MAX_CARRIED_OVER / 2 - 50)))],
    ['five thousand variables', pod({}, server(), variables(5_000))],
    [
      'what the agent does not take over',
      pod({ note: letters(MAX_CARRIED_OVER) }, server({ args: [letters(MAX_CARRIED_OVER)] })),
    ],
    [
      'an unused probe behind queue-proxy',
      pod(
        {},
        server({ readinessProbe: { httpGet: { path: letters(MAX_PROBE), port: 80 } } }),
        queueProxy('v'),
      ),
    ],
  ])('is not rejected for %s', (_what, large) => {
    expect(findObstacle(large, 'modelconfig-sk-0')).toBeUndefined();
  });
});
