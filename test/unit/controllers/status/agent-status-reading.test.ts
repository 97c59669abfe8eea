import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { createAgentLineCutter } from '../../../../src/controllers/status/agent-lines.ts';
import {
  readAgentLine,
  readAgentModel,
} from '../../../../src/controllers/status/agent-status-reading.decide.ts';
import { systemClock } from '../../../../src/lib/system-clock.ts';

const phaseIn = (part: string | { readonly phase: string }): string =>
  typeof part === 'string' ? part : part.phase;
const HASH = 'a'.repeat(64);
const model = (change: object = {}) => ({
  ...{ name: 'm1', phase: 'Loaded', specHash: HASH, servingSpecHash: HASH, reason: '', message: '' },
  ...change,
});
const line = (event: object): string => JSON.stringify(event);
const snapshot = (change: object = {}) =>
  line({
    type: 'SNAPSHOT',
    sequence: 3,
    status: {
      version: 'kserve-mms/agent-status.v1',
      instance: 'i',
      sequence: 3,
      models: [],
      ...change,
    },
  });
const of = (change: object) => readAgentLine(line({ type: 'MODEL', sequence: 4, model: model(change) }));

describe('a line of an agent', () => {
  it('contains every model, one model, or the removal of one', () => {
    const read = { phase: 'Loaded', specHash: HASH, reason: '', message: '' };
    expect(readAgentLine(snapshot())).toEqual({ kind: 'snapshot', instance: 'i', sequence: 3 });
    expect(readAgentModel(JSON.stringify(model()))).toEqual(['m1', read]);
    expect(of({})).toEqual({ kind: 'model', sequence: 4, name: 'm1', model: read });
    expect(readAgentLine(line({ type: 'REMOVED', sequence: 5, name: 'm1' }))).toEqual({
      ...{ kind: 'removed', sequence: 5, name: 'm1' },
    });
  });

  it('of version 0.1.0 is still understood', () => {
    const recording = new URL('../../../fixtures/0.1.0/agent-status.jsonl', import.meta.url);
    const pieces = createAgentLineCutter(systemClock).push(readFileSync(recording));
    const reported = pieces.flatMap(({ kind, text }) => {
      if (kind === 'model') return [`snapshot: ${readAgentModel(text)?.map(phaseIn).join(' ')}`];
      const read = readAgentLine(text);
      return read.kind === 'other' ? [] : ['model' in read ? `${read.name} ${read.model.phase}` : read.kind];
    });
    expect(reported).toEqual([
      ...['snapshot: rose Failed', 'snapshot: iris Loaded', 'snapshot'],
      ...[
        'rose Downloading',
        'rose Failed',
        'iris Downloading',
        'iris Queued',
        'iris Loading',
        'iris Loading',
      ],
      ...[
        'iris Loaded',
        'rose Downloading',
        'rose Failed',
        'removed',
        'iris Unloading',
        'iris Unloading',
        'removed',
      ],
    ]);
  });

  it.each(['HEARTBEAT', 'AGENT', 'SOMETHING NEW'])('ignores %s', (type) => {
    expect(readAgentLine(line({ type, sequence: 1 })).kind).toBe('other');
  });

  it.each([
    ['invalid JSON', '{"type":'],
    ['an array', '[]'],
    ['a snapshot without a status', line({ type: 'SNAPSHOT' })],
    ['a snapshot of another version', snapshot({ version: 'v2' })],
    ['a snapshot without an instance', snapshot({ instance: 7 })],
    ['an object instead of a list of models', snapshot({ models: {} })],
    ['an invalid model in the snapshot', snapshot({ models: [1] })],
    ['a removal without a name', line({ type: 'REMOVED', name: null })],
    ['a model without a name', line({ type: 'MODEL', model: model({ name: '' }) })],
    ['an endless name', line({ type: 'MODEL', model: model({ name: 'x'.repeat(300) }) })],
    ['an unknown phase', line({ type: 'MODEL', model: model({ phase: 'constructor' }) })],
    ['an invalid hash', line({ type: 'MODEL', model: model({ specHash: 'x' }) })],
    ['no model', line({ type: 'MODEL', model: null })],
  ])('is malformed with %s', (_, text) => {
    expect(readAgentLine(text).kind).toBe('malformed');
  });

  it('is shortened and cleaned for display', () => {
    const read = of({ phase: 'Failed', reason: 'a b<c>', message: `\u001b[31mred\n${'x'.repeat(1000)}` });
    if (read.kind !== 'model') throw new Error(read.kind);
    expect(read.model.reason).toBe('');
    expect(read.model.message).toMatch(/^\[31mred x+ … x+$/);
    expect(read.model.message.length).toBeLessThanOrEqual(400);
  });

  it('accepts __proto__ as the name of a model', () => {
    expect(of({ name: '__proto__' })).toMatchObject({ kind: 'model', name: '__proto__' });
  });

  it('reads an invalid sequence as 0', () => {
    expect(readAgentLine(line({ type: 'REMOVED', name: 'a', sequence: -1 }))).toMatchObject({ sequence: 0 });
  });
});
