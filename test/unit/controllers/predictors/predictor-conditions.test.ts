import { describe, expect, it } from '@jest/globals';
import { argoHealth, kstatus } from '../../../support/gitops-health.ts';
import { blocked, deployed, RUNNING, seen, STATES } from '../../../support/predictor-states.ts';

describe('conditions and health when', () => {
  it.each(STATES)('%s', (_, outcome, ingress, predictor, argo, flux) => {
    const { said, ...object } = seen(outcome);
    expect(said).toEqual(expect.arrayContaining([`IngressReady=${ingress}`, `PredictorReady=${predictor}`]));
    expect([argoHealth(object), kstatus(object)]).toEqual([argo, flux]);
  });
});

describe('conditions', () => {
  it('are True for Ready only when both others are True', () => {
    for (const [state, outcome] of STATES) {
      const { said } = seen(outcome);
      const isTrue = (type: string): boolean => said.some((one) => one.startsWith(`${type}=True`));
      expect([state, isTrue('Ready')]).toEqual([state, isTrue('IngressReady') && isTrue('PredictorReady')]);
    }
  });

  it('are removed when they are no longer True: ControllerQueue, Reconciling and Stalled', () => {
    const stalled = seen(blocked({ reason: 'InvalidPredictorSpec' }));
    expect(stalled.said).toContain('Stalled=True/InvalidPredictorSpec');
    const mended = seen(deployed(RUNNING), stalled.status);
    expect(mended.said.filter((one) => /^(Stalled|Reconciling)/.test(one))).toEqual([]);
  });

  it('contain Stopped as in KServe: with severity Info, and False after a restart', () => {
    const stopped = seen(deployed(RUNNING, { kind: 'stopped' }));
    expect(stopped.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stopped', status: 'True', severity: 'Info' }),
    );
    const started = seen(deployed(RUNNING), stopped.status);
    expect(started.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Stopped', status: 'False', severity: 'Info' }),
    );
  });
});
