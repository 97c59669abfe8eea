import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { whileCalled } from '../support/old-name-callers.ts';
import { MOVING } from '../support/twelve-services.ts';
import { withDiagnosis } from './support/diagnosis.ts';
import { run, thisNode } from './support/this-node.ts';
import { twelveScene } from './support/twelve-scene.ts';
import type { TwelveScene } from './support/twelve-scene.ts';

interface Document {
  readonly groups: readonly {
    readonly name: string;
    readonly models: readonly { readonly memoryIs: string }[];
  }[];
  readonly alone: readonly { readonly name: string; readonly code: string }[];
  readonly total: { readonly before: { readonly pods: number }; readonly after: { readonly pods: number } };
}

/**
 * Real pods of real servers, behind Services that kube-proxy routes. integration/fold-twelve.test.ts uses KServe's own
 * manager.
 */
describe('twelve InferenceServices on a real node', () => {
  let scene: TwelveScene;
  let report: Document;
  const before = new Map<string, string>();
  // Nothing to end if the scene could not be started.
  let endScene = (): Promise<void> => Promise.resolve();

  beforeAll(async () => {
    scene = await twelveScene('mms-fold');
    endScene = scene.end;
    for (const name of MOVING) before.set(name, await eventually(() => scene.ask(name)));
  }, 480_000);

  afterAll(() => endScene(), 300_000);

  const fold = (...args: readonly string[]) =>
    runCommand(['fold', '-n', scene.namespace, '--kubeconfig', thisNode().kubeconfig, ...args]);
  const moved = (...args: readonly string[]): Promise<void> =>
    withDiagnosis(scene.namespace, async () => {
      const { code, stdout, stderr } = await fold(...args);
      if (code !== 0) throw new Error(`${stdout}\n${stderr}`);
    });
  const called = (what: string, work: () => Promise<void>): Promise<void> => {
    const expected = (name: string) => before.get(name);
    return whileCalled(what, { names: MOVING, callers: 8, pauseMs: 100, ask: scene.ask, expected }, work);
  };

  it('appear in the report with the exact number of pods', async () => {
    report = JSON.parse((await fold('-o', 'json')).stdout) as Document;
    expect(report.alone.map(({ name, code }) => [name, code])).toEqual([
      ['tensor', 'NoRuntime'],
      ['vase', 'CustomPredictor'],
    ]);
    expect(report.groups.map(({ models }) => models.length)).toEqual([5, 5]);
    expect([report.total.before.pods, report.total.after.pods]).toEqual([await scene.pods(), 2]);
  });

  it("are measured from their servers' metrics, without a metrics-server", async () => {
    const { groups } = JSON.parse((await fold('-o', 'json', '--server-metrics')).stdout) as Document;
    const models = groups.flatMap((group) => group.models);
    expect(models.map(({ memoryIs }) => memoryIs)).toEqual(MOVING.map(() => 'measured'));
  });

  it('are moved, retired and moved back, and every request to an old name gets the same answer', async () => {
    await called('a real node: fold --apply', () =>
      moved('--apply', ...MOVING, '--requests', scene.requests),
    );
    await called('a real node: fold --retire', () => moved('--retire', ...MOVING));
    await eventually(async () => expect(await scene.pods()).toBe(report.total.after.pods), 60_000);
    await called('a real node: fold --undo', () => moved('--undo', ...MOVING));
    await eventually(async () => expect(await scene.pods()).toBe(report.total.before.pods), 60_000);
    expect(await run('-n', scene.namespace, 'get', 'trainedmodels', '-o', 'name')).toBe('');
  }, 900_000);
});
