import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LuaFactory } from 'wasmoon';
import { goModule } from './go-module.ts';

/** The first with a rule for stopped InferenceServices is v3.2. */
const ARGO_CD = { module: 'github.com/argoproj/argo-cd/v3', version: 'v3.5.0' };

/** Argo CD's own rule for a kind, run as Argo CD runs it: with the object as the global `obj`. */
export interface ArgoRule {
  health(object: object): Promise<{ readonly status: string; readonly message?: string }>;
}

/** @throws where Argo CD's module cannot be had; the message says what to do */
export async function argoRule(kind: string): Promise<ArgoRule> {
  const root = await goModule(ARGO_CD.module, ARGO_CD.version);
  const script = await readFile(
    join(root, 'resource_customizations', 'serving.kserve.io', kind, 'health.lua'),
    'utf8',
  );
  return ruleOf(script);
}

/** A rule of one's own, as it stands in the ConfigMap `argocd-cm`. */
export function ruleOf(script: string): ArgoRule {
  const factory = new LuaFactory();
  return {
    async health(object) {
      // Real tables, in the place of proxies of JavaScript's objects: the rule walks through them with pairs().
      const engine = await factory.createEngine({ enableProxy: false });
      try {
        engine.global.set('obj', JSON.parse(JSON.stringify(object)));
        return (await engine.doString(script)) as { status: string; message?: string };
      } finally {
        engine.global.close();
      }
    },
  };
}
