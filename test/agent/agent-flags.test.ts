import { beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { startLoggedComponent } from '../support/log-requests.ts';
import { kservePrograms } from '../support/kserve-programs.ts';
import { startOwnAgent } from '../support/own-agent.ts';

/** A value that each flag's type takes, by the word that KServe's help has for the type. */
const VALUES = new Map([
  ['int', '8080'],
  ['string', ''],
  ['strings', ''],
  ['duration', '10s'],
]);
/** Ports and numbers are checked, here and by KServe's agent. */
const NUMBERS = new Map([
  ['port', '9081'],
  ['log-mode', 'all'],
  ['max-batchsize', '32'],
  ['max-latency', '5000'],
  ['config-dir', '/mnt/configs'],
  ['model-dir', '/mnt/models'],
  ['log-marshaller-url', 'http://localhost:9083/marshal'],
]);

describe("every flag of KServe's agent", () => {
  let help = '';
  beforeAll(async () => {
    const { agent } = await kservePrograms();
    help = await new Promise((resolve) => {
      execFile(agent, ['--help'], (_error, stdout, stderr) => resolve(stdout + stderr));
    });
  });

  it('is taken, all of them at once, and the agent serves without a puller', async () => {
    const flags = [...help.matchAll(/^\s+--([a-z-]+)(?: (int|string|strings|duration))?\s{2,}/gm)];
    expect(flags).toHaveLength(27);
    const args = flags
      .map(([, name = '', type = '']) => [name, type] as const)
      .filter(([name]) => name !== 'enable-puller' && name !== 'component-port')
      .flatMap(([name, type]) =>
        type === '' ? [`--${name}`, 'false'] : [`--${name}`, NUMBERS.get(name) ?? VALUES.get(type) ?? ''],
      );
    const component = await startLoggedComponent();
    const agent = await startOwnAgent(component.port, args);
    const answer = await fetch(`http://127.0.0.1:${agent.port}/echo`, { method: 'POST', body: 'hello' });
    expect(await answer.text()).toBe('hello');
    await agent.stop();
    component.close();
  });
});
