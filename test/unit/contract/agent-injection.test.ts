import { describe, expect, it } from '@jest/globals';
import jsonPatch from 'fast-json-patch';
import { checkPod, decideInjection } from '../../../src/contract/agent-injection.ts';
import type { InjectionDecision } from '../../../src/contract/agent-injection.ts';
import { isPod } from '../../../src/contract/pod.ts';
import type { Pod } from '../../../src/contract/pod.ts';
import { UPDATE, writeExpected } from '../../support/golden-case.ts';
import { CASE_NAMES, caseFile, deepFreeze, readCase, readCaseFile } from './injection-cases.ts';

const METRICS = [
  'serving.kserve.io/enable-metric-aggregation',
  'serving.kserve.io/enable-prometheus-scraping',
];

function recordOf(raw: Pod, { outcome, reason, message, warnings, pod }: InjectionDecision) {
  return { outcome, reason, message, warnings, patch: jsonPatch.compare(raw, pod) };
}

describe('the case files', () => {
  it.each(CASE_NAMES)('%s has all parts that it needs, and no others', (name) => {
    const parts = Object.keys(readCaseFile(name));
    expect(parts).toContain('pod');
    if (!UPDATE) expect(parts).toContain('expected');
    const known = ['pod', 'inferenceService', 'options', 'expected'];
    expect(parts.filter((part) => !known.includes(part))).toEqual([]);
  });
});

describe.each(CASE_NAMES)('%s', (name) => {
  const input = readCase(name);
  const decision = decideInjection(input);
  const raw = input.pod;

  it('is decided as expected', () => {
    const record = recordOf(raw, decision);
    if (UPDATE) writeExpected(caseFile(name), record);
    expect(record).toEqual(readCaseFile(name).expected);
  });

  it('is a pod that the webhook accepts, and the decision has a message', () => {
    expect(isPod(raw)).toBe(true);
    expect(decision.message).toMatch(/\w+ .*\w/);
  });

  it('needs no further change when its own result is admitted again', () => {
    const again = decideInjection({ ...input, pod: deepFreeze(structuredClone(decision.pod)) });
    expect(jsonPatch.compare(decision.pod, again.pod)).toEqual([]);
    expect(again.outcome).toBe(decision.outcome === 'inject' ? 'skip' : decision.outcome);
    expect(again.reason).toBe(decision.outcome === 'inject' ? 'AlreadyInjected' : decision.reason);
  });

  it('applying the patch results in the pod', () => {
    const patched = jsonPatch.applyPatch(
      structuredClone(raw),
      recordOf(raw, decision).patch,
      true,
      true,
      false,
    );
    expect(patched.newDocument).toEqual(decision.pod);
  });

  it('keeps everything that was there', () => {
    const { pod } = decision;
    if (decision.outcome === 'refuse') expect(pod).toBe(raw);
    if (decision.outcome === 'skip') expect(pod.spec).toEqual(raw.spec);
    expect(pod.spec.containers.map((c) => c.name).slice(0, raw.spec.containers.length)).toEqual(
      raw.spec.containers.map((c) => c.name),
    );
    expect(pod.spec.containers.filter((c) => c.name === 'agent').length).toBeLessThanOrEqual(1);
    expect(pod.spec.volumes ?? []).toEqual(expect.arrayContaining(raw.spec.volumes ?? []));
    expect(pod.spec.initContainers).toEqual(raw.spec.initContainers);
    expect(pod.metadata.labels).toEqual(raw.metadata.labels);
    const theirs = Object.entries(pod.metadata.annotations ?? {}).filter(([key]) => !METRICS.includes(key));
    expect(theirs).toEqual(
      Object.entries(raw.metadata.annotations ?? {}).filter(([key]) => !METRICS.includes(key)),
    );
  });

  it('agrees with the check before the look-up', () => {
    const candidacy = checkPod(raw);
    const early = ['NoInferenceServiceLabel', 'NotPredictor', 'OptedOut'].includes(decision.reason);
    expect(candidacy).toMatchObject(
      early ? { kind: 'skip', reason: decision.reason } : { kind: 'candidate', inferenceService: 'sk' },
    );
  });
});

it('the cases cover every reason except AgentTooLarge, whose pods are too long for a file', () => {
  const shown = new Set(CASE_NAMES.map((name) => decideInjection(readCase(name)).reason));
  expect([...shown].sort()).toEqual([
    'AgentCompleted',
    'AgentPortTaken',
    'AlreadyInjected',
    'ForeignAgentContainer',
    'ForeignModelConfigVolume',
    'InferenceServiceNotFound',
    'Injected',
    'MountPathTaken',
    'NoInferenceServiceLabel',
    'NotMMSPredictor',
    'NotPredictor',
    'OptedOut',
  ]);
});

it('keys with a meaning in JavaScript are kept, in the pod and in its patch', () => {
  const input = readCase('proto-and-constructor-keys');
  const { pod } = decideInjection(input);
  const { newDocument } = jsonPatch.applyPatch(structuredClone(input.pod), jsonPatch.compare(input.pod, pod));
  for (const result of [pod, newDocument]) {
    const text = JSON.stringify(result);
    expect(text).toContain('"__proto__":"a","constructor":"b"');
    expect(text).toContain('"__proto__":"c","constructor":"d","toString":"e"');
    expect(text).toContain('"spec":{"__proto__":{"containers":[]},"containers":[');
  }
  expect(Object.hasOwn(Object.prototype, 'containers')).toBe(false);
});
