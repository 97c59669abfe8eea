import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LuaFactory } from 'wasmoon';
import { goModule } from './go-module.ts';

/** v3.2 is the first release with a rule for stopped InferenceServices. */
const ARGO_CD = { module: 'github.com/argoproj/argo-cd/v3', version: 'v3.5.0' };

/** Argo CD's own rule for a kind, run as in Argo CD: with the object as the global `obj`. */
export interface ArgoRule {
  health(object: object): Promise<{ readonly status: string; readonly message?: string }>;
}

/** @throws when Argo CD's module is not available; the message says what to do */
export async function argoRule(kind: string): Promise<ArgoRule> {
  const root = await goModule(ARGO_CD.module, ARGO_CD.version);
  const script = await readFile(
    join(root, 'resource_customizations', 'serving.kserve.io', kind, 'health.lua'),
    'utf8',
  );
  return ruleOf(script);
}

/** A user's rule, as in the ConfigMap `argocd-cm`. */
export function ruleOf(script: string): ArgoRule {
  const factory = new LuaFactory();
  return {
    async health(object) {
      // Real Lua tables instead of proxies of JavaScript objects, because the rule iterates over them with pairs().
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
